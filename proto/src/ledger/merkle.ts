/**
 * The Merkle tree of RFC 6962 §2.1. Sizes and indexes are plain integers up to 2^53, so nothing here
 * uses bitwise operators: they would cut at 32 bits. A `Sha256` must not keep the bytes it is given.
 */
export type Sha256 = (bytes: Uint8Array) => Uint8Array;

/** What is kept of a tree to append to it: the roots of its perfect subtrees, largest first. */
export interface Frontier {
  readonly size: number;
  readonly peaks: readonly Uint8Array[];
}

/** Hash of one leaf: SHA-256(0x00 || leaf). */
export function leafHash(sha256: Sha256, leaf: Uint8Array): Uint8Array {
  const length = leafPrefix.length + leaf.length;
  if (length > leafScratch.length) return sha256(concatenate(leafPrefix, leaf));
  leafScratch.set(leaf, leafPrefix.length);
  return sha256(leafScratch.subarray(0, length));
}

/** The same of a text, in UTF-8. */
export function textLeafHash(sha256: Sha256, text: string): Uint8Array {
  if (text.length * utf8BytesMax >= leafScratch.length) return leafHash(sha256, utf8.encode(text));
  const { written } = utf8.encodeInto(text, leafScratch.subarray(leafPrefix.length));
  return sha256(leafScratch.subarray(0, leafPrefix.length + written));
}

/** Hash of an inner node: SHA-256(0x01 || left || right). */
export function nodeHash(sha256: Sha256, left: Uint8Array, right: Uint8Array): Uint8Array {
  if (left.length !== hashBytes || right.length !== hashBytes) {
    return sha256(concatenate(nodePrefix, left, right));
  }
  nodeScratch.set(left, nodePrefix.length);
  nodeScratch.set(right, nodePrefix.length + hashBytes);
  return sha256(nodeScratch);
}

/** An append-only tree that keeps its frontier alone: at most 53 hashes, whatever its size. */
export class MerkleTree {
  readonly #sha256: Sha256;
  readonly #peaks: Uint8Array[];
  #size: number;

  /** Throws a RangeError when the frontier has not one peak for each set bit of its size. */
  constructor(sha256: Sha256, frontier: Frontier = { size: 0, peaks: [] }) {
    if (frontier.peaks.length !== setBits(frontier.size)) {
      throw new RangeError(`a tree of ${frontier.size} leaves has another number of peaks`);
    }
    this.#sha256 = sha256;
    this.#size = frontier.size;
    this.#peaks = [...frontier.peaks];
  }

  get size(): number {
    return this.#size;
  }

  /** `onSubtree` is told of each perfect subtree that the leaf completes, of 2^level leaves, upwards. */
  append(hash: Uint8Array, onSubtree?: (level: number, hash: Uint8Array) => void): void {
    let peak = hash;
    let level = 0;
    onSubtree?.(level, peak);
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      peak = nodeHash(this.#sha256, this.#peaks.pop() as Uint8Array, peak);
      level += 1;
      onSubtree?.(level, peak);
    }
    this.#peaks.push(peak);
    this.#size += 1;
  }

  /** The Merkle tree hash; of an empty tree it is the hash of nothing. */
  root(): Uint8Array {
    const last = this.#peaks.at(-1);
    if (last === undefined) return this.#sha256(new Uint8Array(0));
    return this.#peaks
      .slice(0, -1)
      .reduceRight((root, peak) => nodeHash(this.#sha256, peak, root), last);
  }

  frontier(): Frontier {
    return { size: this.#size, peaks: [...this.#peaks] };
  }
}

/** Equality of two hashes. Hashes are public, so time may depend on them. */
export function sameHash(one: Uint8Array, other: Uint8Array): boolean {
  if (one.length !== other.length) return false;
  for (let at = 0; at < one.length; at++) if (one[at] !== other[at]) return false;
  return true;
}

const leafPrefix = Uint8Array.of(0x00);
const nodePrefix = Uint8Array.of(0x01);
const hashBytes = 32;
const utf8 = new TextEncoder();
/** Of one UTF-16 code unit. */
const utf8BytesMax = 3;

/** Reused by every hash, prefix in place: nothing that is hashed outlives the call. */
const nodeScratch = concatenate(nodePrefix, new Uint8Array(2 * hashBytes));
const leafScratch = concatenate(leafPrefix, new Uint8Array(16 * 1024));

function concatenate(...pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((total, piece) => total + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

function setBits(size: number): number {
  let count = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) count += rest % 2;
  return count;
}
