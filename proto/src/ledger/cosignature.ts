import { refuse } from "../problem.ts";
import type { Sha256 } from "./merkle.ts";
import {
  encodeVerifierKey,
  fromBase64,
  keyId,
  keyIdBytes,
  type NoteCrypto,
  type NoteSigner,
  noteText,
  toBase64,
  type VerifierKey,
} from "./note.ts";

/**
 * A checkpoint with one more signature, by a witness that has seen it follow from all that it saw
 * before: https://c2sp.org/tlog-cosignature, Ed25519.
 */
export function cosign(note: string, witness: NoteSigner, atMs: number, sha256: Sha256): string {
  const seconds = Math.floor(atMs / 1000);
  const signature = witness.sign(message(noteText(note), seconds));
  const bytes = Uint8Array.of(...keyId(witness, sha256, type), ...timestamp(seconds), ...signature);
  return `${note}— ${witness.name} ${toBase64(bytes)}\n`;
}

/** When the witness says that it saw the checkpoint, ms. Throws LEDGER_INVALID when it did not sign it. */
export function openCosignature(note: string, key: VerifierKey, crypto: NoteCrypto): number {
  const id = keyId(key, crypto.sha256, type);
  for (const line of note.split("\n")) {
    const bytes = fromBase64(
      line.startsWith(`— ${key.name} `) ? line.slice(key.name.length + 3) : "",
    );
    if (bytes.length !== keyIdBytes + timestampBytes + signatureBytes) continue;
    if (!id.every((byte, at) => byte === bytes[at])) continue;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const seconds = Number(view.getBigUint64(keyIdBytes));
    const signature = bytes.slice(keyIdBytes + timestampBytes);
    if (crypto.verify(key.publicKey, message(noteText(note), seconds), signature)) {
      return seconds * 1000;
    }
  }
  throw refuse("LEDGER_INVALID", `the checkpoint is not cosigned by ${key.name}`);
}

/** By which its cosignatures are verified elsewhere. */
export function encodeCosignerKey(key: VerifierKey, sha256: Sha256): string {
  return encodeVerifierKey(key, sha256, type);
}

/** What a node's cosignatures are named by. */
export function cosignerName(origin: string, node: string): string {
  return `${origin}/${node}`;
}

const type = 0x04;
const timestampBytes = 8;
const signatureBytes = 64;

function message(text: string, seconds: number): Uint8Array {
  return new TextEncoder().encode(`cosignature/v1\ntime ${seconds}\n${text}`);
}

function timestamp(seconds: number): Uint8Array {
  const bytes = new Uint8Array(timestampBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(seconds));
  return bytes;
}
