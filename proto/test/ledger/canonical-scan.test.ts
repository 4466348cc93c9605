import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, parseCanonicalJson } from "../../src/ledger/canonical.ts";
import { canonicalSeq } from "../../src/ledger/canonical-scan.ts";

const entry = {
  atMs: 1_700_000_000_000,
  runEnded: { reason: 'a "b"\n\u0001é', run: "x" },
  seq: 42,
};

describe("the quick look at canonical JSON", () => {
  it("finds the number of an entry", () => {
    expect(canonicalSeq(canonicalJson(entry))).toBe(42);
    expect(canonicalSeq(canonicalJson({ ...entry, stepEnded: [{}, [], [1, true, null]] }))).toBe(
      42,
    );
    expect(canonicalSeq('{"a":{"seq":1},"seq":2}')).toBe(2);
  });

  it.each([
    "",
    "{",
    "[]",
    "42",
    '{"seq":1',
    '{"seq":1}}',
    '{"seq": 1}',
    '{"seq":1,}',
    '{"seq":01}',
    '{"seq":-0}',
    '{"seq":1.0}',
    '{"seq":1e3}',
    '{"seq":"1"x}',
    '{"a":1}',
    '{"b":1,"a":2,"seq":1}',
    '{"seq":1,"seq":2}',
    '{"a":"\\u0041","seq":1}',
    '{"a":"\\/","seq":1}',
    '{"a":"\\u001F","seq":1}',
    '{"a":"\\n',
    '{"a":"\n","seq":1}',
    '{"a":"\ud800","seq":1}',
    '{"a":tru,"seq":1}',
    `{"a":${"[".repeat(1000)}`,
  ])("takes no responsibility for %j", (text) => {
    expect(canonicalSeq(text)).toBeUndefined();
  });

  it("never takes for canonical what is not, however it was changed", () => {
    const text = canonicalJson({ ...entry, deep: { a: [1, -2, { b: "é\t" }], c: "\u2028" } });
    const change = fc.tuple(
      fc.nat(text.length),
      fc.nat(3),
      fc.constantFrom(
        "",
        '"',
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "0",
        "-",
        " ",
        "a",
        "u",
        "\n",
        "e",
      ),
    );
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const changed = changes.reduce(
          (it, [place, removed, put]) => it.slice(0, place) + put + it.slice(place + removed),
          text,
        );
        const seq = canonicalSeq(changed);
        if (seq !== undefined) {
          expect(parseCanonicalJson(changed)).toMatchObject({ seq });
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it("agrees on any value with what parses and writes it again", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), (value, seq) => {
        const text = canonicalJson({ ...value, seq });
        const found = canonicalSeq(text);
        if (found !== undefined) expect(found).toBe(seq);
        expect(parseCanonicalJson(text)).toBeDefined();
      }),
      { numRuns: 5_000 },
    );
  });
});
