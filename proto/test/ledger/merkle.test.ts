import { leafHash, MerkleTree, nodeHash, textLeafHash } from "@cohort/proto/ledger/merkle";
import { verifyConsistency, verifyInclusion } from "@cohort/proto/ledger/merkle-proof";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { consistencyPath, inclusionPath, sha256, treeHash } from "./reference.ts";

/** Leaves and roots that Certificate Transparency implementations share as test vectors. */
const vectorLeaves = [
  "",
  "00",
  "10",
  "2021",
  "3031",
  "40414243",
  "5051525354555657",
  "606162636465666768696a6b6c6d6e6f",
].map((hex) => Uint8Array.from(Buffer.from(hex, "hex")));
const vectorRoots = [
  "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
  "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
  "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
  "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
  "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
  "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
  "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
  "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];

const anyLeaves = fc.array(fc.uint8Array({ maxLength: 8 }), { minLength: 1, maxLength: 70 });
const anyHash = fc.uint8Array({ minLength: 32, maxLength: 32 });

function treeOf(leaves: readonly Uint8Array[]): MerkleTree {
  const tree = new MerkleTree(sha256);
  for (const leaf of leaves) tree.append(leafHash(sha256, leaf));
  return tree;
}

describe("a hash", () => {
  const encode = (text: string) => new TextEncoder().encode(text);

  it("of a text is that of its UTF-8, however long it is", () => {
    const long = fc.integer({ min: 5_000, max: 6_000 }).map((length) => "€".repeat(length));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: "binary" }), long), (text) => {
        expect(textLeafHash(sha256, text)).toEqual(leafHash(sha256, encode(text)));
      }),
    );
  });

  it("of a node is that of its prefix and both sides, of any length", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), anyHash, (left, right) => {
        const whole = sha256(Buffer.concat([Buffer.of(1), left, right]));
        expect(nodeHash(sha256, left, right)).toEqual(whole);
        expect(nodeHash(sha256, right, right)).toEqual(
          sha256(Buffer.concat([Buffer.of(1), right, right])),
        );
      }),
    );
  });
});

describe("MerkleTree", () => {
  it("gives the published root for 0 to 8 leaves", () => {
    const roots = vectorRoots.map((_, size) =>
      Buffer.from(treeOf(vectorLeaves.slice(0, size)).root()).toString("hex"),
    );
    expect(roots).toEqual(vectorRoots);
  });

  it("equals the recursive definition of the RFC for any leaves", () => {
    fc.assert(
      fc.property(anyLeaves, (leaves) => {
        expect(treeOf(leaves).root()).toEqual(treeHash(leaves));
      }),
    );
  });

  it("goes on from its frontier as though it had never stopped", () => {
    fc.assert(
      fc.property(anyLeaves, anyLeaves, (before, after) => {
        const resumed = new MerkleTree(sha256, treeOf(before).frontier());
        for (const leaf of after) resumed.append(leafHash(sha256, leaf));
        expect(resumed.root()).toEqual(treeHash([...before, ...after]));
        expect(resumed.size).toBe(before.length + after.length);
      }),
    );
  });

  it("refuses a frontier whose peaks do not fit its size", () => {
    const { peaks } = treeOf(vectorLeaves.slice(0, 3)).frontier();
    expect(() => new MerkleTree(sha256, { size: 4, peaks })).toThrow(RangeError);
  });
});

describe("verifyInclusion", () => {
  it("accepts the path of every leaf", () => {
    fc.assert(
      fc.property(anyLeaves, fc.nat(), (leaves, pick) => {
        const index = pick % leaves.length;
        expect(verifyInclusion(sha256, inclusionClaim(leaves, index))).toBe(true);
      }),
    );
  });

  it("refuses a path with a changed, missing or added hash, and a path for another index", () => {
    fc.assert(
      fc.property(anyLeaves, fc.nat(), anyHash, (leaves, pick, hash) => {
        const index = pick % leaves.length;
        const claim = inclusionClaim(leaves, index);
        const longer = { ...claim, path: [...claim.path, hash] };
        const wrongLeaf = { ...claim, leaf: hash };
        const outside = { ...claim, index: claim.size };
        const shorter = { ...claim, path: claim.path.slice(1) };
        expect(verifyInclusion(sha256, longer)).toBe(false);
        expect(verifyInclusion(sha256, wrongLeaf)).toBe(false);
        expect(verifyInclusion(sha256, outside)).toBe(false);
        if (claim.path.length > 0) expect(verifyInclusion(sha256, shorter)).toBe(false);
      }),
    );
  });

  it("refuses sizes and indexes that are no integers", () => {
    const claim = inclusionClaim(vectorLeaves, 3);
    expect(verifyInclusion(sha256, { ...claim, index: -1 })).toBe(false);
    expect(verifyInclusion(sha256, { ...claim, index: 2.5 })).toBe(false);
    expect(verifyInclusion(sha256, { ...claim, size: Number.NaN })).toBe(false);
  });
});

describe("verifyConsistency", () => {
  it("accepts the path from every older size", () => {
    fc.assert(
      fc.property(anyLeaves, fc.nat(), (leaves, pick) => {
        const older = pick % (leaves.length + 1);
        expect(verifyConsistency(sha256, consistencyClaim(leaves, older))).toBe(true);
      }),
    );
  });

  it("refuses an older tree that is no prefix of the newer", () => {
    fc.assert(
      fc.property(anyLeaves, fc.nat(), anyHash, (leaves, pick, hash) => {
        const claim = consistencyClaim(leaves, pick % (leaves.length + 1));
        const fork = { ...claim, older: { ...claim.older, root: hash } };
        const rewritten = { ...claim, newer: { ...claim.newer, root: hash } };
        expect(verifyConsistency(sha256, fork)).toBe(false);
        if (claim.older.size > 0) expect(verifyConsistency(sha256, rewritten)).toBe(false);
      }),
    );
  });

  it("refuses a tree that shrank, and a path with a hash too many", () => {
    const claim = consistencyClaim(vectorLeaves, 6);
    expect(verifyConsistency(sha256, { ...claim, older: claim.newer, newer: claim.older })).toBe(
      false,
    );
    const longer = { ...claim, path: [...claim.path, claim.older.root] };
    expect(verifyConsistency(sha256, longer)).toBe(false);
    expect(verifyConsistency(sha256, { ...claim, path: [] })).toBe(false);
  });
});

function inclusionClaim(leaves: readonly Uint8Array[], index: number) {
  return {
    index,
    leaf: leafHash(sha256, leaves[index] as Uint8Array),
    size: leaves.length,
    root: treeHash(leaves),
    path: inclusionPath(index, leaves),
  };
}

function consistencyClaim(leaves: readonly Uint8Array[], older: number) {
  return {
    older: { size: older, root: treeHash(leaves.slice(0, older)) },
    newer: { size: leaves.length, root: treeHash(leaves) },
    path: older === 0 ? [] : consistencyPath(older, leaves),
  };
}
