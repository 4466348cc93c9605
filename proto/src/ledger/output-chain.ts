import type { Sha256 } from "./merkle.ts";

/** A piece of what an attempt wrote, as it is kept. */
export interface OutputPiece {
  readonly stream: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Of an attempt of which nothing is kept. */
export const emptyOutputChain: Uint8Array = new Uint8Array(32);

/**
 * The hash of all pieces up to this one, in the order of their offsets: SHA-256 over the hash before it,
 * the stream (1 byte), the offset (8 bytes, big-endian), and the piece. So it says of every byte where it
 * stood, and of every missing stretch that it was missing when it was recorded.
 */
export function chainOutput(
  before: Uint8Array,
  { stream, offset, data }: OutputPiece,
  sha256: Sha256,
): Uint8Array {
  const bytes = new Uint8Array(32 + 9 + data.length);
  bytes.set(before);
  const view = new DataView(bytes.buffer);
  view.setUint8(32, stream);
  view.setBigUint64(33, BigInt(offset));
  bytes.set(data, 41);
  return sha256(bytes);
}
