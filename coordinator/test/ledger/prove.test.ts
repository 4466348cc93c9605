import { verifyConsistency, verifyInclusion } from "@cohort/proto/ledger/merkle-proof";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/ledger/crypto.ts";
import { GrowingTree, hashBytes, rowHashes } from "../../src/ledger/hash-rows.ts";
import { proveConsistency, proveInclusion, rootOf } from "../../src/ledger/prove.ts";

/** A tree of so many leaves, with the rows that a store would have, its edge taken over every few. */
function grown(size: number) {
  const leaves = Array.from({ length: size }, (_, at) => sha256(Buffer.from(String(at))));
  const stored = new Map<string, Uint8Array>();
  const roots: Uint8Array[] = [];
  let tree = new GrowingTree();
  for (const [at, leaf] of leaves.entries()) {
    roots.push(tree.root());
    tree.append(leaf);
    if (at % 7 !== 0 && at !== size - 1) continue;
    for (const { level, number, hashes } of [...tree.takeFull(), ...tree.takeGrown()]) {
      stored.set(`${level}/${number}`, hashes);
    }
    if (at % 3 === 0) tree = new GrowingTree(tree.edge());
  }
  roots.push(tree.root());
  const read = (level: number, number: number) => {
    if (level > 0) return stored.get(`${level}/${number}`) ?? new Uint8Array(0);
    return Buffer.concat(leaves.slice(number * rowHashes, (number + 1) * rowHashes));
  };
  return { leaves, roots, read };
}

const most = 300;
const { leaves, roots, read } = grown(most);
/** All that fit into few rows, and those about a row of rows. */
const sizes = [...Array.from({ length: 40 }, (_, at) => at), 63, 64, 65, 255, 256, 257, 271, most];

describe("proofs from stored hashes", () => {
  it("prove each leaf of a tree", () => {
    for (const size of sizes) {
      const root = roots[size] as Uint8Array;
      for (let index = 0; index < size; index++) {
        const path = proveInclusion(read, index, size);
        const leaf = leaves[index] as Uint8Array;
        if (!verifyInclusion(sha256, { index, leaf, size, root, path })) {
          expect.fail(`leaf ${index} of ${size} is not proved`);
        }
      }
    }
  });

  it("prove each earlier tree a prefix", () => {
    for (const size of sizes) {
      const newer = { size, root: roots[size] as Uint8Array };
      for (let before = 0; before <= size; before++) {
        const older = { size: before, root: roots[before] as Uint8Array };
        const path = proveConsistency(read, before, size);
        if (!verifyConsistency(sha256, { older, newer, path })) {
          expect.fail(`${before} is not proved a prefix of ${size}`);
        }
      }
    }
  });

  it("give the root of any size", () => {
    for (const [size, root] of roots.entries())
      expect(Buffer.from(rootOf(read, size))).toEqual(Buffer.from(root));
  });

  it("do not exist for what is not in the tree, or where hashes are missing", () => {
    expect(() => proveInclusion(read, 5, 5)).toThrow(RangeError);
    expect(() => proveInclusion(read, -1, 5)).toThrow(RangeError);
    expect(() => proveConsistency(read, 6, 5)).toThrow(RangeError);
    const emptied = (level: number, number: number) =>
      level === 1 ? new Uint8Array(3 * hashBytes) : read(level, number);
    expect(() => proveInclusion(emptied, 0, most)).toThrow("row 0 of level 1 lacks hashes");
  });
});
