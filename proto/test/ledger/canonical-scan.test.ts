import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { canonicalJson, parseCanonicalJson } from "../../src/ledger/canonical.ts";
import { isSurelyCanonical } from "../../src/ledger/canonical-scan.ts";

const entry = {
  atMs: 1_700_000_000_000,
  runEnded: { reason: 'a "b"\n\u0001é', run: "x" },
  seq: 42,
};

/** The members that the quick look tells of, as text; undefined where it is not sure. */
function membersOf(json: string): Record<string, string> | undefined {
  const text = Buffer.from(json);
  const members: Record<string, string> = {};
  const isSure = isSurelyCanonical(text, (key, keyEnd, value, end) => {
    members[text.toString("utf8", key, keyEnd)] = text.toString("utf8", value, end);
  });
  return isSure ? members : undefined;
}

describe("the quick look at canonical JSON", () => {
  it("tells of the members of an entry, and of no other object's", () => {
    expect(membersOf(canonicalJson(entry))).toEqual({
      atMs: "1700000000000",
      runEnded: canonicalJson(entry.runEnded),
      seq: "42",
    });
    const deep = { ...entry, stepEnded: [{}, [], [1, true, null]] };
    expect(membersOf(canonicalJson(deep))).toMatchObject({ stepEnded: "[{},[],[1,true,null]]" });
    expect(membersOf('{"a":{"seq":1},"seq":2}')).toEqual({ a: '{"seq":1}', seq: "2" });
    expect(membersOf('{"":1}')).toBeUndefined();
    expect(membersOf("{}")).toEqual({});
  });

  it("is sure of texts in any language", () => {
    expect(membersOf(canonicalJson({ a: "Größe 大 😀" }))).toEqual({ a: '"Größe 大 😀"' });
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
    '{"é":1}',
    '{"b":1,"a":2,"seq":1}',
    '{"seq":1,"seq":2}',
    '{"a":"\\u0041","seq":1}',
    '{"a":"\\/","seq":1}',
    '{"a":"\\u001F","seq":1}',
    '{"a":"\\n',
    '{"a":"\n","seq":1}',
    '{"a":tru,"seq":1}',
    `{"a":${"[".repeat(1000)}`,
  ])("takes no responsibility for %j", (text) => {
    expect(membersOf(text)).toBeUndefined();
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
        const members = membersOf(changed);
        if (members !== undefined) {
          const values = Object.entries(members).map(([key, value]) => [key, JSON.parse(value)]);
          expect(parseCanonicalJson(changed)).toEqual(Object.fromEntries(values));
        }
      }),
      { numRuns: 20_000 },
    );
  });

  it("agrees on any value with what parses and writes it again", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(), (value, seq) => {
        const text = canonicalJson({ ...value, seq });
        const found = membersOf(text);
        if (found !== undefined) expect(found["seq"]).toBe(String(seq));
        expect(parseCanonicalJson(text)).toBeDefined();
      }),
      { numRuns: 5_000 },
    );
  });
});
