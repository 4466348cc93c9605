import { proxyLimits } from "./limits.ts";

/** A spelling of a secret, and what makes bytes of an answer count as its bytes. */
export interface Form {
  readonly bytes: Buffer;
  readonly fold: Fold;
}

export interface Fold {
  /** By byte: the one that it counts as. */
  readonly of: Uint8Array;
  /** By byte: those that count as it. */
  readonly spellings: readonly (readonly number[])[];
}

export function formsOf(secret: Buffer): Form[] {
  const base64 = [0, 1, 2].map((offset) => ({
    bytes: base64At(secret, offset),
    fold: oneAlphabet,
  }));
  return [
    { bytes: Buffer.from(secret), fold: asItIs },
    { bytes: Buffer.from(secret.toString("hex")), fold: oneCase },
    ...base64.filter(({ bytes }) => bytes.length >= proxyLimits.scrubFormBytesMin),
  ];
}

export function wipe(forms: readonly Form[]): void {
  for (const { bytes } of forms) bytes.fill(0);
}

/** The characters that the secret alone decides when it begins `offset` bytes into a triple. */
function base64At(secret: Buffer, offset: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(offset), secret]).toString("base64");
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + secret.length) * 8) / 6);
  return Buffer.from(encoded.slice(first, end));
}

const asItIs = foldTable((byte) => byte);
const oneCase = foldTable((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
/** "-" and "_" of RFC 4648 section 5 count as "+" and "/". */
const oneAlphabet = foldTable((byte) => (byte === 0x2d ? 0x2b : byte === 0x5f ? 0x2f : byte));

function foldTable(fold: (byte: number) => number): Fold {
  const of = Uint8Array.from({ length: 256 }, (_, byte) => fold(byte));
  const spellings = Array.from(of, (): number[] => []);
  for (const [byte, counted] of of.entries()) spellings[counted]?.push(byte);
  return { of, spellings };
}
