import { proxyLimits } from "./limits.ts";

/** A spelling of a secret, and what makes bytes of an answer count as its bytes. */
export interface Form {
  readonly bytes: Buffer;
  /** By byte: the one that it counts as. */
  readonly fold: Uint8Array;
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

/** By byte: 1 for those that may be the first, or the second, of any of the forms as it stands there. */
export interface Starts {
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

export function startsOf(forms: readonly Form[]): Starts {
  const first = new Uint8Array(256);
  // Behind the first byte comes the second, or an escape; or the first one is an escape and goes on.
  const second = new Uint8Array(256);
  for (const byte of Buffer.from("%\\&")) first[byte] = second[byte] = 1;
  for (const byte of Buffer.from("0123456789abcdefABCDEFu\\\"'/bfnrt#algq")) second[byte] = 1;
  for (const { bytes, fold } of forms) {
    for (let byte = 0; byte < 256; byte += 1) {
      if (fold[byte] === bytes[0]) first[byte] = 1;
      if (bytes.length < 2 || fold[byte] === bytes[1]) second[byte] = 1;
    }
  }
  return { first, second };
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

function foldTable(fold: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => fold(byte));
}
