import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { leafHash } from "@cohort/proto/ledger/merkle";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/ledger/crypto.ts";
import { fromLeaf, textOf, toLeaf } from "../../src/log/leaf.ts";
import { entry } from "./samples.ts";

describe("the leaf of an entry", () => {
  it("gives the entry back, whatever its texts and bytes hold", () => {
    const wellFormed = fc.string({ unit: "binary" });
    fc.assert(
      fc.property(wellFormed, fc.uint8Array(), fc.nat(), (service, bodyHash, seq) => {
        const call = { ...emptyCall, service, bodyHash };
        const written = { seq, atMs: 1, event: { $case: "callIntended" as const, value: call } };
        expect(fromLeaf(toLeaf(textOf(written)), seq)).toEqual(written);
      }),
    );
  });

  it("keeps control characters out of its text", () => {
    const json = textOf(entry(1, "one\nseq: 2\r\u0000\u001b[2J"));
    expect(json).not.toMatch(/[\u0000-\u001f]/);
  });

  it("is refused for an entry without an event, or with text that is not Unicode", () => {
    expect(() => textOf({ seq: 1, atMs: 1, event: undefined })).toThrow(TypeError);
    expect(() => textOf(entry(1, "\udc00"))).toThrow(TypeError);
  });

  it("is refused in another place than its own", () => {
    expect(() => fromLeaf(toLeaf(textOf(entry(3))), 4)).toThrow(
      "entry 4: it says that it is entry 3",
    );
  });

  it("is refused when its event is of a kind that this version does not know", () => {
    const json = canonicalJson({ seq: 1, atMs: 1, stepTeleported: { run: "run-1" } });
    const leaf = { json, leafHash: leafHash(sha256, Buffer.from(json)) };
    expect(() => fromLeaf(leaf, 1)).toThrow("entry 1: its event is none that this version knows");
  });
});

const emptyCall = {
  call: "",
  attempt: undefined,
  price: undefined,
  node: "",
  token: "",
  tokenSeq: 0,
  service: "",
  method: "",
  path: "",
  bodyHash: new Uint8Array(0),
  reservedNanoUsd: 0,
  holds: [],
};
