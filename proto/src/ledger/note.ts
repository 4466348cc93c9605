import { refuse } from "../problem.ts";
import type { Sha256 } from "./merkle.ts";

/** Signed notes and verifier keys as https://c2sp.org/signed-note writes them, Ed25519 only. */
export interface NoteSigner {
  readonly name: string;
  readonly publicKey: Uint8Array;
  readonly sign: (message: Uint8Array) => Uint8Array;
}

export interface VerifierKey {
  readonly name: string;
  readonly publicKey: Uint8Array;
}

export interface NoteCrypto {
  readonly sha256: Sha256;
  /** Ed25519. Must return false, not throw, for malformed signatures. */
  readonly verify: (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;
}

/** `text` must end with a newline. */
export function signNote(text: string, signer: NoteSigner, sha256: Sha256): string {
  if (!isNoteText(text))
    throw new RangeError("a note's text has control characters or no last newline");
  if (!isKeyName(signer.name)) throw new RangeError("a key's name has spaces or +, or is empty");
  const signature = signer.sign(encoder.encode(text));
  const bytes = Uint8Array.of(...keyId(signer, sha256), ...signature);
  return `${text}\n— ${signer.name} ${toBase64(bytes)}\n`;
}

/**
 * The text that the key has signed. Signatures by other keys are passed over, as the specification
 * says. Throws LEDGER_INVALID.
 */
export function openNote(note: string, key: VerifierKey, crypto: NoteCrypto): string {
  const split = note.lastIndexOf("\n\n");
  const text = note.slice(0, split + 1);
  const lines = note.slice(split + 2).split("\n");
  if (split < 0 || lines.pop() !== "" || lines.length === 0 || lines.length > signaturesMax) {
    throw refuse("LEDGER_INVALID", "the checkpoint is not a signed note");
  }
  if (!isNoteText(text)) throw refuse("LEDGER_INVALID", "the checkpoint's text is malformed");
  const id = keyId(key, crypto.sha256);
  for (const { name, bytes } of lines.map(parseSignature)) {
    if (name !== key.name || !id.every((byte, at) => byte === bytes[at])) continue;
    if (crypto.verify(key.publicKey, encoder.encode(text), bytes.slice(keyIdBytes))) return text;
    throw refuse("LEDGER_INVALID", "the checkpoint's signature does not verify");
  }
  throw refuse("LEDGER_INVALID", "the checkpoint is not signed by the verifier key", {
    hint: `It must be signed by ${encodeVerifierKey(key, crypto.sha256)}.`,
  });
}

/** What the signatures of a note are over: all before the last empty line. */
export function noteText(note: string): string {
  return note.slice(0, note.lastIndexOf("\n\n") + 1);
}

/** "<name>+<key id, hex>+<base64 of the type || key>". */
export function encodeVerifierKey(
  key: VerifierKey,
  sha256: Sha256,
  type: number = ed25519Type,
): string {
  const id = [...keyId(key, sha256, type)].map((it) => it.toString(16).padStart(2, "0")).join("");
  return `${key.name}+${id}+${toBase64(Uint8Array.of(type, ...key.publicKey))}`;
}

/** Throws LEDGER_INVALID when the text is no Ed25519 verifier key, or its id is not its key's. */
export function parseVerifierKey(text: string, sha256: Sha256): VerifierKey {
  const match = /^([^+]+)\+[0-9a-f]{8}\+([A-Za-z0-9+/]+={0,2})$/.exec(text.trim());
  const bytes = fromBase64(match?.[2] ?? "");
  const key = { name: match?.[1] ?? "", publicKey: bytes.slice(1) };
  const wellFormed = isKeyName(key.name) && bytes.length === 33 && bytes[0] === ed25519Type;
  if (!wellFormed || encodeVerifierKey(key, sha256) !== text.trim()) {
    throw refuse("LEDGER_INVALID", "the verifier key is malformed", {
      hint: "It reads NAME+ID+KEY; `cohort ledger export` prints it.",
    });
  }
  return key;
}

export function toBase64(bytes: Uint8Array): string {
  let binary = "";
  // As arguments of one call, so many at most: an entry may have a megabyte.
  for (let at = 0; at < bytes.length; at += argumentsMax) {
    binary += String.fromCharCode(...bytes.subarray(at, at + argumentsMax));
  }
  return btoa(binary);
}

/** Empty when the text is not canonical base64. */
export function fromBase64(text: string): Uint8Array {
  try {
    const binary = atob(text);
    if (btoa(binary) !== text) return new Uint8Array(0);
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
    return bytes;
  } catch {
    return new Uint8Array(0);
  }
}

const argumentsMax = 4096;
const ed25519Type = 0x01;
export const keyIdBytes = 4;
const signaturesMax = 100;
const encoder = new TextEncoder();

/** `type` tells keys apart that sign different texts. */
export function keyId(key: VerifierKey, sha256: Sha256, type = ed25519Type): Uint8Array {
  const name = encoder.encode(`${key.name}\n`);
  return sha256(Uint8Array.of(...name, type, ...key.publicKey)).slice(0, keyIdBytes);
}

function parseSignature(line: string): { name: string; bytes: Uint8Array } {
  const match = /^— (\S+) (\S+)$/.exec(line);
  const bytes = fromBase64(match?.[2] ?? "");
  if (match === null || bytes.length <= keyIdBytes) {
    throw refuse("LEDGER_INVALID", "a signature line of the checkpoint is malformed");
  }
  return { name: match[1] as string, bytes };
}

function isKeyName(name: string): boolean {
  return name !== "" && !/[\s+]/u.test(name);
}

/** Non-empty lines are not demanded of notes, but no control character other than newline. */
function isNoteText(text: string): boolean {
  return text.endsWith("\n") && !/[\u0000-\u0009\u000b-\u001f\u007f]/.test(text);
}
