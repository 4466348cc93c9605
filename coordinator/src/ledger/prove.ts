import { nodeHash } from "@cohort/proto/ledger/merkle";
import { sha256 } from "./crypto.ts";
import { hashBytes, rowHashes, rowHeight } from "./hash-rows.ts";

/** Row `number` of `level` as far as it is stored; see hash-rows.ts. */
export type ReadRow = (level: number, number: number) => Uint8Array;

/**
 * The audit path of leaf `index` in the tree of the first `size` leaves (RFC 6962 §2.1.1). Throws a
 * RangeError when there is no such leaf, or rows are missing.
 */
export function proveInclusion(read: ReadRow, index: number, size: number): Uint8Array[] {
  if (index < 0 || index >= size) throw new RangeError(`a tree of ${size} has no leaf ${index}`);
  const hashOf = createRangeHash(read);
  const path: Uint8Array[] = [];
  let [from, to] = [0, size];
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    if (index < middle) {
      path.push(hashOf(middle, to));
      to = middle;
    } else {
      path.push(hashOf(from, middle));
      from = middle;
    }
  }
  return path.reverse();
}

/** That the tree of `older` leaves is a prefix of that of `newer` ones (RFC 6962 §2.1.2). */
export function proveConsistency(read: ReadRow, older: number, newer: number): Uint8Array[] {
  if (older < 0 || older > newer) throw new RangeError(`${older} leaves are no part of ${newer}`);
  if (older === 0 || older === newer) return [];
  const hashOf = createRangeHash(read);
  const path: Uint8Array[] = [];
  let [from, to] = [0, newer];
  while (to !== older) {
    const middle = from + splitOf(to - from);
    if (older <= middle) {
      path.push(hashOf(middle, to));
      to = middle;
    } else {
      path.push(hashOf(from, middle));
      from = middle;
    }
  }
  // The older root itself is known to whoever asks.
  if (from > 0) path.push(hashOf(from, to));
  return path.reverse();
}

/** The root of the first `size` leaves. */
export function rootOf(read: ReadRow, size: number): Uint8Array {
  return size === 0 ? sha256(new Uint8Array(0)) : createRangeHash(read)(0, size);
}

/** The hash of leaves from..to-1, where `from` is a multiple of the power of two next above their number. */
function createRangeHash(read: ReadRow): (from: number, to: number) => Uint8Array {
  const rows = new Map<string, Uint8Array>();
  const row = (level: number, number: number) => {
    const key = `${level}/${number}`;
    const known = rows.get(key) ?? read(level, number);
    rows.set(key, known);
    return known;
  };
  const hashOf = (from: number, to: number): Uint8Array => {
    const count = to - from;
    const { width, level } = powerAbove(count);
    if (width === count) return subtree(row, level, from / count);
    const middle = from + width / 2;
    return nodeHash(sha256, hashOf(from, middle), hashOf(middle, to));
  };
  return hashOf;
}

/** Of 2^level leaves, the `index`th from the left. */
function subtree(row: ReadRow, level: number, index: number): Uint8Array {
  const rowLevel = Math.floor(level / rowHeight);
  const width = 2 ** (level % rowHeight);
  const first = index * width;
  const number = Math.floor(first / rowHashes);
  const start = (first - number * rowHashes) * hashBytes;
  const hashes = row(rowLevel, number).subarray(start, start + width * hashBytes);
  if (hashes.length < width * hashBytes) {
    throw new RangeError(`row ${number} of level ${rowLevel} lacks hashes`);
  }
  return combined(hashes);
}

function combined(hashes: Uint8Array): Uint8Array {
  if (hashes.length === hashBytes) return hashes;
  const half = hashes.length / 2;
  return nodeHash(sha256, combined(hashes.subarray(0, half)), combined(hashes.subarray(half)));
}

/** The largest power of two below `count`, which is at least 2. */
function splitOf(count: number): number {
  return powerAbove(count).width / 2;
}

/** The smallest power of two that is not below `count`. */
function powerAbove(count: number): { readonly width: number; readonly level: number } {
  let [width, level] = [1, 0];
  while (width < count) [width, level] = [width * 2, level + 1];
  return { width, level };
}
