import { nodeHash, type Sha256, sameHash } from "./merkle.ts";

/** Whether `path` proves that `leaf` is entry `index` of the tree (RFC 9162 §2.1.3.2). */
export function verifyInclusion(
  sha256: Sha256,
  claim: {
    readonly index: number;
    readonly leaf: Uint8Array;
    readonly size: number;
    readonly root: Uint8Array;
    readonly path: readonly Uint8Array[];
  },
): boolean {
  const { index, size } = claim;
  if (!isSize(index) || !isSize(size) || index >= size) return false;
  let position = index;
  let last = size - 1;
  let hash = claim.leaf;
  for (const sibling of claim.path) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      hash = nodeHash(sha256, sibling, hash);
      [position, last] = skipLeftmost(position, last);
    } else {
      hash = nodeHash(sha256, hash, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && sameHash(hash, claim.root);
}

/** Whether `path` proves that the older tree is a prefix of the newer (RFC 9162 §2.1.4.2). */
export function verifyConsistency(
  sha256: Sha256,
  claim: {
    readonly older: { readonly size: number; readonly root: Uint8Array };
    readonly newer: { readonly size: number; readonly root: Uint8Array };
    readonly path: readonly Uint8Array[];
  },
): boolean {
  const { older, newer } = claim;
  if (!isSize(older.size) || !isSize(newer.size) || older.size > newer.size) return false;
  if (older.size === newer.size) return claim.path.length === 0 && sameHash(older.root, newer.root);
  if (older.size === 0) return claim.path.length === 0 && isEmptyRoot(sha256, older.root);

  const path = isPowerOfTwo(older.size) ? [older.root, ...claim.path] : claim.path;
  const [first, ...rest] = path;
  if (first === undefined) return false;
  let position = older.size - 1;
  let last = newer.size - 1;
  while (position % 2 === 1) [position, last] = [half(position), half(last)];
  let olderHash = first;
  let newerHash = first;
  for (const sibling of rest) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      olderHash = nodeHash(sha256, sibling, olderHash);
      newerHash = nodeHash(sha256, sibling, newerHash);
      [position, last] = skipLeftmost(position, last);
    } else {
      newerHash = nodeHash(sha256, newerHash, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && sameHash(olderHash, older.root) && sameHash(newerHash, newer.root);
}

/** From the last node of a level upward to the level on which it is a right child. */
function skipLeftmost(position: number, last: number): [number, number] {
  let [at, end] = [position, last];
  while (at % 2 === 0 && at !== 0) [at, end] = [half(at), half(end)];
  return [at, end];
}

function isEmptyRoot(sha256: Sha256, root: Uint8Array): boolean {
  return sameHash(root, sha256(new Uint8Array(0)));
}

function isPowerOfTwo(size: number): boolean {
  let rest = size;
  while (rest % 2 === 0) rest /= 2;
  return rest === 1;
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function half(value: number): number {
  return Math.floor(value / 2);
}
