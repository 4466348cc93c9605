import type { WitnessAnswer } from "@cohort/proto/gen/cohort/node";
import { parseCheckpointBody, signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { cosignerName, openCosignature } from "@cohort/proto/ledger/cosignature";
import { noteText } from "@cohort/proto/ledger/note";
import { ledgerKeyProof } from "@cohort/proto/proof";
import { describe, expect, it } from "vitest";
import {
  consistencyPath,
  crypto,
  newSigner,
  sha256,
  treeHash,
} from "../../../proto/test/ledger/reference.ts";
import { judge } from "../../src/witness/judge.ts";
import type { WitnessRecord } from "../../src/witness/record.ts";

const origin = "cohort/mesh";
const ledger = newSigner(origin);
const node = newSigner("unused");
const by = { crypto, node: "press-1", signer: node, nowMs: 1_700_000_000_000 };
const leavesOf = (size: number, words = "") =>
  Array.from({ length: size }, (_, at) => Buffer.from(`${at} ${at < 3 ? "" : words}`));

/** What a coordinator answers that has so many entries, to a node that holds so many. */
function answer(
  size: number,
  options: {
    readonly held?: number;
    readonly words?: string;
    readonly signer?: typeof ledger;
    readonly keys?: WitnessAnswer["keys"];
    readonly settled?: Uint8Array;
  } = {},
): WitnessAnswer {
  const { held = 0, words = "", signer = ledger, settled = new Uint8Array(0) } = options;
  const leaves = leavesOf(size, words);
  return {
    nonce: new Uint8Array(16),
    checkpoint: signCheckpoint({ size, root: treeHash(leaves) }, signer, sha256),
    path: held > 0 && held <= size ? consistencyPath(held, leaves) : [],
    keys: options.keys ?? [{ key: ledger.publicKey, signature: new Uint8Array(0) }],
    settled,
  };
}

const sizeOf = ({ checkpoint }: WitnessRecord) => parseCheckpointBody(checkpoint).size;
const holding = (size: number) => judge(null, answer(size), by);

describe("a witness", () => {
  it("takes the first checkpoint, cosigns it, and takes what continues it", () => {
    const first = holding(5);
    expect(first).toMatchObject({ dispute: null, takenMs: by.nowMs, settled: [] });
    const cosigner = { name: cosignerName(origin, "press-1"), publicKey: node.publicKey };
    expect(openCosignature(first.checkpoint, cosigner, crypto)).toBe(by.nowMs);
    const second = judge(first, answer(9, { held: 5 }), by);
    expect(sizeOf(second)).toBe(9);
    expect(openCosignature(second.checkpoint, cosigner, crypto)).toBe(by.nowMs);
    expect(judge(second, answer(9, { held: 9 }), by)).toMatchObject({ dispute: null });
  });

  it.each([
    ["a smaller ledger", answer(4), "rolled back from 5 entries to 4"],
    ["another of the same size", answer(5, { held: 5, words: "x" }), "not what it has now"],
    ["a larger one with another beginning", answer(9, { held: 5, words: "x" }), "not what it has"],
    ["a larger one without a proof", answer(9), "not what it has now"],
    ["an empty one", answer(0), "rolled back from 5 entries to 0"],
    [
      "one that another key signed",
      answer(9, { held: 5, signer: newSigner(origin) }),
      "not signed",
    ],
    ["one of another mesh", answer(9, { held: 5, signer: newSigner("cohort/else") }), "signed"],
    ["no checkpoint at all", { ...answer(9), checkpoint: "nonsense" }, "checkpoint"],
  ])("keeps what it holds when it is shown %s, and says so", (_, shown, reason) => {
    const first = holding(5);
    const after = judge(first, shown, by);
    expect(after).toMatchObject({
      checkpoint: first.checkpoint,
      dispute: { held: first.checkpoint, conflict: shown.checkpoint, atMs: by.nowMs },
    });
    expect(after.dispute?.reason).toContain(reason);
    // Nothing else is taken until it is settled, not even what would have fitted.
    expect(judge(after, answer(9, { held: 5 }), by)).toEqual(after);
  });

  it("begins anew where an operator gave up just what it holds, and remembers the dispute", () => {
    const disputing = judge(holding(5), answer(4), by);
    const other = sha256(Buffer.from("something else"));
    expect(judge(disputing, answer(4, { settled: other }), by)).toEqual(disputing);
    const settled = sha256(Buffer.from(noteText(disputing.checkpoint)));
    const after = judge(disputing, answer(4, { settled }), by);
    expect(after).toMatchObject({ dispute: null, settled: [disputing.dispute] });
    expect(sizeOf(after)).toBe(4);
  });

  it("follows keys that were each signed by the one before, and no others", () => {
    const next = newSigner(origin);
    const proof = ledgerKeyProof(origin, next.publicKey);
    const link = (signature: Uint8Array) => [
      { key: ledger.publicKey, signature: new Uint8Array(0) },
      { key: next.publicKey, signature },
    ];
    const rotated = { held: 5, signer: next };
    const good = judge(holding(5), answer(9, { ...rotated, keys: link(ledger.sign(proof)) }), by);
    expect(good).toMatchObject({ dispute: null, key: next.publicKey });
    const bad = judge(holding(5), answer(9, { ...rotated, keys: link(next.sign(proof)) }), by);
    expect(bad.dispute?.reason).toContain("not signed by the one before");
  });

  it("takes no first checkpoint that its key did not sign", () => {
    for (const shown of [answer(5, { signer: newSigner(origin) }), answer(5, { keys: [] })]) {
      expect(() => judge(null, shown, by)).toThrow(
        expect.objectContaining({ code: "LEDGER_INVALID" }),
      );
    }
  });
});
