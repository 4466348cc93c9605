import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { MerkleTree, textLeafHash } from "@cohort/proto/ledger/merkle";
import { encodeVerifierKey, toBase64 } from "@cohort/proto/ledger/note";
import { type LedgerLeaf, verifyLedger } from "@cohort/proto/ledger/verify";
import { describe, expect, it } from "vitest";
import { crypto, newSigner, sha256 } from "./reference.ts";

const signer = newSigner("mesh.example");
const verifierKey = encodeVerifierKey(signer, sha256);

const runEnded = (seq: number) =>
  canonicalJson({ atMs: 1000 + seq, runEnded: { outputsJson: "4711", run: "r" }, seq });
const remainder = (seq: number, run = "r") =>
  canonicalJson({
    dropped: { outputsJson: 4 },
    entry: { atMs: 1000 + seq, runEnded: { run }, seq },
  });
const record = (seq: number, of: readonly number[]) =>
  canonicalJson({
    atMs: 1000 + seq,
    payloadsDropped: {
      entries: of.map((it) => ({
        remainderHash: toBase64(textLeafHash(sha256, remainder(it))),
        seq: it,
      })),
    },
    seq,
  });

/** Six entries, of which the sixth records that the second and the fourth are without their payload. */
function ledgerOf(change: (leaves: LedgerLeaf[]) => void = () => {}) {
  const whole = [1, 2, 3, 4, 5].map(runEnded);
  const leaves = [...whole, record(6, [2, 4])].map(leafOf);
  const tree = new MerkleTree(sha256);
  for (const { leafHash } of leaves) tree.append(leafHash);
  const note = signCheckpoint({ size: 6, root: tree.root() }, signer, sha256);
  for (const seq of [2, 4]) put(leaves, seq, { json: remainder(seq), droppedBy: 6 });
  change(leaves);
  return { leaves, note, verifierKey, crypto };
}

function leafOf(json: string): LedgerLeaf {
  return { json, leafHash: textLeafHash(sha256, json) };
}

function put(leaves: LedgerLeaf[], seq: number, change: Partial<LedgerLeaf>): void {
  leaves[seq - 1] = { ...(leaves[seq - 1] as LedgerLeaf), ...change };
}

describe("a ledger some of whose payloads were dropped", () => {
  it("verifies, and says how many", () => {
    expect(verifyLedger(ledgerOf())).toMatchObject({ ok: true, size: 6, dropped: 2 });
  });

  it("verifies with an entry that is still whole where it is recorded as dropped", () => {
    const ledger = ledgerOf((it) => put(it, 4, { json: runEnded(4), droppedBy: 0 }));
    expect(verifyLedger(ledger)).toMatchObject({ ok: true, dropped: 1 });
  });

  const forgeries: readonly [string, (leaves: LedgerLeaf[]) => void, number, RegExp][] = [
    [
      "another remainder",
      (it) => put(it, 4, { json: remainder(4, "other") }),
      4,
      /not what entry 6 records/,
    ],
    [
      "a remainder that no entry records",
      (it) => put(it, 3, { json: remainder(3), droppedBy: 6 }),
      3,
      /not what entry 6 records/,
    ],
    [
      "a remainder that is said to be recorded by another entry",
      (it) => put(it, 4, { droppedBy: 5 }),
      4,
      /not what entry 5 records/,
    ],
    [
      "a remainder that is said to be recorded by one that is to come",
      (it) => put(it, 4, { droppedBy: 7 }),
      4,
      /not what entry 7 records/,
    ],
    ["a remainder that does not say so", (it) => put(it, 2, { droppedBy: 0 }), 2, /edited/],
    [
      "the remainder of another entry",
      (it) => put(it, 2, { json: remainder(4) }),
      2,
      /it is of entry 4/,
    ],
    ["nothing in its place", (it) => put(it, 2, { json: "" }), 2, /no remainder/],
    [
      "an entry of which nothing may be dropped",
      (it) => put(it, 6, { json: record(6, [2, 4, 6]), droppedBy: 6 }),
      6,
      /no remainder/,
    ],
    [
      "another hash",
      (it) => put(it, 2, { leafHash: textLeafHash(sha256, remainder(2)) }),
      1,
      /rewritten/,
    ],
  ];

  it.each(forgeries)("does not verify with %s", (_, change, seq, reason) => {
    expect(verifyLedger(ledgerOf(change))).toMatchObject({
      ...{ ok: false, code: "LEDGER_INVALID", seq, reason: expect.stringMatching(reason) },
    });
  });

  it.each([{ entries: 1 }, { entries: [null] }, { entries: [{ seq: "2" }] }, {}])(
    "takes no word of an entry that is none of the coordinator's: %o",
    (payloadsDropped) => {
      const json = canonicalJson({ payloadsDropped, seq: 1 });
      const leaves = [leafOf(json)];
      const tree = new MerkleTree(sha256);
      for (const { leafHash } of leaves) tree.append(leafHash);
      const note = signCheckpoint({ size: 1, root: tree.root() }, signer, sha256);
      expect(verifyLedger({ leaves, note, verifierKey, crypto })).toMatchObject({
        ...{ ok: true, dropped: 0 },
      });
    },
  );
});
