import { canonicalJson, parseCanonicalJson } from "@cohort/proto/ledger/canonical";
import { signCheckpoint } from "@cohort/proto/ledger/checkpoint";
import { leafHash, MerkleTree } from "@cohort/proto/ledger/merkle";
import { encodeVerifierKey } from "@cohort/proto/ledger/note";
import { type LedgerLeaf, verifyLedger } from "@cohort/proto/ledger/verify";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { crypto, newSigner, sha256 } from "./reference.ts";

const signer = newSigner("mesh.example");
const verifierKey = encodeVerifierKey(signer, sha256);

function leafOf(json: string): LedgerLeaf {
  return { json, leafHash: leafHash(sha256, new TextEncoder().encode(json)) };
}

function ledgerOf(size: number) {
  const leaves = Array.from({ length: size }, (_, at) =>
    leafOf(canonicalJson({ seq: at + 1, at_ms: 1000 + at, note: `entry ${at}\n` })),
  );
  return { leaves, note: noteOver(leaves), verifierKey, crypto };
}

function noteOver(leaves: readonly LedgerLeaf[]): string {
  const tree = new MerkleTree(sha256);
  for (const leaf of leaves) tree.append(leaf.leafHash);
  return signCheckpoint({ size: tree.size, root: tree.root() }, signer, sha256);
}

const anyPlace = fc
  .integer({ min: 1, max: 40 })
  .chain((size) => fc.record({ size: fc.constant(size), at: fc.nat(size - 1) }));

describe("verifyLedger", () => {
  it("accepts a ledger of any size with its checkpoint", () => {
    fc.assert(
      fc.property(fc.nat(40), (size) => {
        expect(verifyLedger(ledgerOf(size))).toMatchObject({ ok: true, size });
      }),
    );
  });

  it("names an entry whose text was edited", () => {
    fc.assert(
      fc.property(anyPlace, ({ size, at }) => {
        const ledger = ledgerOf(size);
        const leaf = ledger.leaves[at] as LedgerLeaf;
        ledger.leaves[at] = { ...leaf, json: leaf.json.replace("entry", "entri") };
        expect(verifyLedger(ledger)).toMatchObject({ ok: false, index: at, seq: at + 1 });
      }),
    );
  });

  it("finds an entry that was rewritten together with its hash", () => {
    fc.assert(
      fc.property(anyPlace, ({ size, at }) => {
        const ledger = ledgerOf(size);
        ledger.leaves[at] = leafOf(canonicalJson({ seq: at + 1, at_ms: 0 }));
        const verdict = verifyLedger(ledger);
        expect(verdict).toMatchObject({ ok: false, code: "LEDGER_INVALID", index: 0 });
        expect(verdict).toHaveProperty("reason", expect.stringContaining("rewritten together"));
      }),
    );
  });

  it("names the commit of such an entry, if checkpoints were signed on the way", () => {
    fc.assert(
      fc.property(anyPlace, fc.integer({ min: 1, max: 5 }), ({ size, at }, step) => {
        const ledger = ledgerOf(size);
        const leaves = ledger.leaves.map((leaf, index) => {
          const last = (index + 1) % step === 0;
          return last ? { ...leaf, checkpoint: noteOver(ledger.leaves.slice(0, index + 1)) } : leaf;
        });
        const { checkpoint } = leaves[at] as LedgerLeaf;
        const forged = leafOf(canonicalJson({ seq: at + 1, at_ms: 0 }));
        leaves[at] = checkpoint === undefined ? forged : { ...forged, checkpoint };
        const first = Math.floor(at / step) * step;
        expect(verifyLedger({ ...ledger, leaves })).toMatchObject({ ok: false, index: first });
      }),
    );
  });

  it("is not led astray by a checkpoint on the way that somebody else signed", () => {
    const ledger = ledgerOf(9);
    const stranger = newSigner("mesh.example");
    const forge = (size: number, root: Uint8Array) =>
      signCheckpoint({ size, root }, stranger, sha256);
    const leaves: LedgerLeaf[] = [...ledger.leaves];
    leaves[0] = { ...(leaves[0] as LedgerLeaf), checkpoint: forge(1, new Uint8Array(32)) };
    leaves[5] = { ...(leaves[5] as LedgerLeaf), checkpoint: noteOver(ledger.leaves.slice(0, 6)) };
    expect(verifyLedger({ ...ledger, leaves })).toMatchObject({ ok: true });
    leaves[7] = leafOf(canonicalJson({ seq: 8, at_ms: 0 }));
    const verdict = verifyLedger({ ...ledger, leaves });
    expect(verdict).toMatchObject({ ok: false, index: 6 });
    expect(verdict).toHaveProperty("reason", expect.stringContaining("entries 7 to 9"));
  });

  it("names the place where an entry was removed", () => {
    fc.assert(
      fc.property(anyPlace, ({ size, at }) => {
        const ledger = ledgerOf(size);
        ledger.leaves.splice(at, 1);
        expect(verifyLedger(ledger)).toMatchObject({ ok: false, index: at, seq: at + 1 });
      }),
    );
  });

  it("names the first of two entries that changed places", () => {
    const ledger = ledgerOf(9);
    [ledger.leaves[3], ledger.leaves[6]] = [
      ledger.leaves[6] as LedgerLeaf,
      ledger.leaves[3] as LedgerLeaf,
    ];
    expect(verifyLedger(ledger)).toMatchObject({ ok: false, index: 3, seq: 4 });
  });

  it("names the entry that the checkpoint does not cover", () => {
    const ledger = ledgerOf(5);
    const note = noteOver(ledger.leaves.slice(0, 4));
    expect(verifyLedger({ ...ledger, note })).toMatchObject({ ok: false, index: 4 });
  });

  it("names an entry whose text is not canonical, though its hash fits", () => {
    const leaves = [leafOf('{"seq": 1}')];
    const verdict = verifyLedger({ leaves, note: noteOver(leaves), verifierKey, crypto });
    expect(verdict).toMatchObject({
      ok: false,
      index: 0,
      reason: expect.stringContaining("canonical"),
    });
  });

  it("refuses a checkpoint by a forged key of the same name", () => {
    const ledger = ledgerOf(3);
    const forger = newSigner("mesh.example");
    const tree = new MerkleTree(sha256);
    for (const leaf of ledger.leaves) tree.append(leaf.leafHash);
    const note = signCheckpoint({ size: tree.size, root: tree.root() }, forger, sha256);
    expect(verifyLedger({ ...ledger, note })).toMatchObject({ ok: false, index: null });
  });

  it.each(['"text"', "null", "[]", "{}", '{"seq":"1"}', "not json"])(
    "refuses %s in the place of an entry",
    (json) => {
      const leaves = [leafOf(json)];
      const verdict = verifyLedger({ leaves, note: noteOver(leaves), verifierKey, crypto });
      expect(verdict).toMatchObject({ ok: false, index: 0 });
    },
  );

  it("takes an entry as text or as its bytes, with the same verdict", () => {
    const texts = [
      '{"seq":1}',
      '{"at":"Größe 😀","seq":1}',
      '{"at":0.5,"seq":1}',
      '{"seq":2}',
      '{"seq":"1"}',
      '{"seq": 1}',
      '{"seq":1.5}',
      '\ufeff{"seq":1}',
      "[]",
    ];
    const verdicts = texts.map((json) => {
      const { leafHash } = leafOf(json);
      const note = noteOver([leafOf(json)]);
      const verdictOf = (leaf: LedgerLeaf<string | Uint8Array>) =>
        verifyLedger({ leaves: [leaf], note, verifierKey, crypto });
      const verdict = verdictOf({ json, leafHash });
      expect(verdictOf({ json: new TextEncoder().encode(json), leafHash })).toEqual(verdict);
      return verdict.ok ? "good" : verdict.reason.replace(/: .*/, "");
    });
    expect(verdicts).toEqual([
      ...["good", "good", "good", "it says that it is entry 2", "it says that it is entry 1"],
      ...["its text is not canonical JSON", "it says that it is entry 1.5"],
      ...["its text is not canonical JSON", "it says that it is entry undefined"],
    ]);
  });

  it("refuses a text with half a surrogate pair, whose bytes are another text's", () => {
    const leaves = [{ ...leafOf('{"a":"\ufffd","seq":1}'), json: '{"a":"\ud800","seq":1}' }];
    const verdict = verifyLedger({ leaves, note: noteOver(leaves), verifierKey, crypto });
    expect(verdict).toMatchObject({ ok: false, reason: "its text is not canonical JSON" });
  });

  it("refuses a malformed key or note instead of throwing", () => {
    const ledger = ledgerOf(2);
    expect(verifyLedger({ ...ledger, verifierKey: "nonsense" })).toMatchObject({ ok: false });
    expect(verifyLedger({ ...ledger, note: "nonsense" })).toMatchObject({ ok: false });
  });
});

describe("canonicalJson", () => {
  it("writes the RFC 8785 example", () => {
    const value = {
      numbers: JSON.parse("[333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001]"),
      string: "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"/",
      literals: [null, true, false],
    };
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it("sorts keys by UTF-16 code units", () => {
    const value = {
      "\u20ac": 1,
      "\r": 2,
      "\ufb33": 3,
      "1": 4,
      "\u{1f600}": 5,
      "\u0080": 6,
      "\u00f6": 7,
    };
    const keys = Object.keys(JSON.parse(canonicalJson(value)) as object);
    expect(keys).toEqual(["1", "\r", "\u0080", "\u00f6", "\u20ac", "\u{1f600}", "\ufb33"]);
  });

  it("gives one text to one value, whatever the order of its keys", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.integer(), { maxKeys: 40 }), (value) => {
        const reversed = Object.fromEntries(Object.entries(value).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(value));
        expect(parseCanonicalJson(canonicalJson(value))).toEqual(value);
      }),
    );
  });

  it("refuses what JSON cannot carry", () => {
    expect(() => canonicalJson(Number.NaN)).toThrow(TypeError);
    expect(() => canonicalJson("\ud800")).toThrow(TypeError);
    expect(() => canonicalJson(1n)).toThrow(TypeError);
  });

  it.each([
    '{"b":1,"a":2}',
    '{"a":1,"a":1}',
    '{ "a":1}',
    "1.0",
    '"\\u0041"',
    "9007199254740993",
    '"\\ud800"',
  ])("does not take %s for canonical", (text) => {
    expect(parseCanonicalJson(text)).toBeUndefined();
  });
});
