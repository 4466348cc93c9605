import { redact as schema } from "@cohort/proto/resources/service/redact";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { jsonSpans } from "../../src/proxy/json-spans.ts";
import { redactedBody } from "../../src/proxy/redact.ts";

const redacted = (text: string, rules: object) =>
  redactedBody(Buffer.from(text), schema.parse(rules)).toString();

describe("JSON pointers", () => {
  it.each([
    ['{"a":1,"b":2}', "/a", '{"a":"[redacted]","b":2}'],
    ['{"a":{"b":"x","c":[1]}}', "/a/b", '{"a":{"b":"[redacted]","c":[1]}}'],
    ['{"a":{"b":"x","c":[1]}}', "/a", '{"a":"[redacted]"}'],
    ['{ "a" : [ 1 , 2 ] }', "/a/1", '{ "a" : [ 1 , "[redacted]" ] }'],
    ['[{"k":"x"},{"k":"y","l":1}]', "/*/k", '[{"k":"[redacted]"},{"k":"[redacted]","l":1}]'],
    ['{"p":{"k":true},"q":{"k":null}}', "/*/k", '{"p":{"k":"[redacted]"},"q":{"k":"[redacted]"}}'],
    ['{"a/b":1,"m~n":2}', "/a~1b", '{"a/b":"[redacted]","m~n":2}'],
    ['{"a/b":1,"m~n":2}', "/m~0n", '{"a/b":1,"m~n":"[redacted]"}'],
    ['{"\\u0061":"x"}', "/a", '{"\\u0061":"[redacted]"}'],
    ['{"a":"x","a":"y"}', "/a", '{"a":"[redacted]","a":"[redacted]"}'],
    ['{"a":"q\\"}{\\\\","b":1}', "/a", '{"a":"[redacted]","b":1}'],
    ['{"":{"":1}}', "//", '{"":{"":"[redacted]"}}'],
    ['{"id":12345678901234567890,"a":1}', "/a", '{"id":12345678901234567890,"a":"[redacted]"}'],
    ['{"a":1}', "/b", '{"a":1}'],
    ['{"a":1}', "/a/b", '{"a":1}'],
    ['"a"', "/a", '"a"'],
  ])("take out of %s what %s names", (text, pointer, expected) => {
    expect(redacted(text, { json: [pointer] })).toBe(expected);
  });

  it("take out the outer of values within one another", () => {
    const text = '{"a":{"b":1},"c":{"d":2}}';
    expect(redacted(text, { json: ["/a/b", "/a", "/*/d"] })).toBe(
      '{"a":"[redacted]","c":{"d":"[redacted]"}}',
    );
  });

  it("find in any JSON what a walk over its value finds", () => {
    const key = fc.constantFrom("a", "b", "0", "1", "", "a/b", '"');
    const json = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 4 },
        fc.jsonValue({ maxDepth: 0 }),
        fc.array(tie("value"), { maxLength: 3 }),
        fc.dictionary(key, tie("value"), { maxKeys: 4 }),
      ),
    })).value;
    const segments = fc.array(fc.oneof(key, fc.constant("*")), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(json, fc.array(segments, { minLength: 1, maxLength: 3 }), (value, paths) => {
        const text = JSON.stringify(value, null, 1);
        const pointers = paths.map((path) => path.map((it) => `/${escaped(it)}`).join(""));
        const found = jsonSpans(text, pointers).map(([start, end]) =>
          JSON.stringify(JSON.parse(text.slice(start, end))),
        );
        expect(found).toEqual(walked(value, paths).map((it) => JSON.stringify(it)));
      }),
    );
  });

  it("find their way through deep nesting", () => {
    const depth = 100_000;
    const text = `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    expect(jsonSpans(text, ["/a/a/a/b"])).toEqual([]);
    expect(jsonSpans(text, ["/a/a"])).toHaveLength(1);
  });

  it.each(["", "a", "a/b", "/a~2", "/a~"])("are not %j", (pointer) => {
    expect(schema.safeParse({ json: [pointer] }).success).toBe(false);
  });

  it.each(["not json", '{"a":', "data: {}\n\n", '{"a":1} {"a":2}'])(
    "refuse %j, in which they can name nothing",
    (text) => {
      expect(() => redacted(text, { json: ["/a"] })).toThrow(
        expect.objectContaining({ code: "UPSTREAM_INVALID" }),
      );
    },
  );
});

describe("patterns", () => {
  it("take out what they match, of any text", () => {
    const rules = { patterns: ["[\\w.]+@[\\w.]+", "\\d{4} \\d{4}"] };
    expect(redacted("to a.b@c.example, card 1234 5678, é", rules)).toBe(
      "to [redacted], card [redacted], é",
    );
  });

  it("leave bytes that are no text as they are", () => {
    const bytes = Buffer.from([0xff, 0x61, 0x31, 0x00, 0xc3]);
    expect(redactedBody(bytes, { patterns: ["a\\d"] })).toEqual(
      Buffer.concat([Buffer.from([0xff]), Buffer.from("[redacted]"), Buffer.from([0x00, 0xc3])]),
    );
  });

  it("take a time that is linear in the text, whatever they are", () => {
    expect(redacted(`${"a".repeat(20_000)}b`, { patterns: ["(a*)*c"] })).toMatch(/^a+b$/);
  });

  it.each(["", "(", "(?=a)", "\\1", "a*"])("are not %j", (pattern) => {
    expect(schema.safeParse({ patterns: [pattern] }).success).toBe(false);
  });
});

function escaped(segment: string): string {
  return segment.replaceAll("~", "~0").replaceAll("/", "~1");
}

/** Values at the paths, each once, in the order of the text, none within another. */
function walked(value: unknown, paths: readonly string[][]): unknown[] {
  if (value === null || typeof value !== "object") return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const left = paths.filter(([head]) => head === "*" || head === key).map((it) => it.slice(1));
    return left.some((it) => it.length === 0) ? [inner] : walked(inner, left);
  });
}
