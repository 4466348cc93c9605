import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { readSources } from "../../src/workflow/source.ts";

const read = (text: string) => readSources({ path: "f.yaml", text });
const values = (text: string) => {
  const { sources, problems } = read(text);
  expect(problems).toEqual([]);
  return sources.map(({ value }) => value);
};
const faults = (text: string) =>
  read(text).problems.map(({ code, message, line, column }) => [code, message, line, column]);

describe("YAML 1.2, the core schema", () => {
  it.each([
    ["yes", "yes"],
    ["no", "no"],
    ["on", "on"],
    ["off", "off"],
    ["y", "y"],
    ["true", true],
    ["~", null],
    ["0o17", 15],
    ["017", 17],
    ["0x1F", 31],
    ["0b1", "0b1"],
    ["1_000", "1_000"],
    ["12:30:45", "12:30:45"],
    ["2026-01-01", "2026-01-01"],
    ["1e3", 1000],
  ])("reads %s as %j", (text, value) => {
    expect(values(`a: ${text}\n`)).toEqual([{ a: value }]);
  });

  it("reads several documents, and passes over those that are empty", () => {
    expect(values("a: 1\n---\nb: 2\n...\n---\n# nothing\n---\nc: 3\n---\n")).toEqual([
      { a: 1 },
      { b: 2 },
      { c: 3 },
    ]);
    expect(values("# nothing\n")).toEqual([]);
  });

  it("reads lines that end as on Windows, and a byte order mark", () => {
    expect(values("\uFEFFa: 1\r\nb: |\r\n  x\r\n  y\r\n")).toEqual([{ a: 1, b: "x\ny\n" }]);
    expect(faults("\uFEFFa: 1\r\na: 2\r\n")).toEqual([
      ["YAML_SYNTAX", "Map keys must be unique", 2, 1],
    ]);
  });

  it("takes no key for more than its name", () => {
    const [value] = values("__proto__: { x: 1 }\nconstructor: 2\n") as [object];
    expect(Object.keys(value)).toEqual(["__proto__", "constructor"]);
    expect(Object.getPrototypeOf(value)).toBe(Object.prototype);
  });
});

describe("what is refused", () => {
  it.each([
    ["a duplicate key", "x: { k: 1, 'k': 2 }\n", 1, 12],
    ["an alias", "a: &x 1\nb: *x\n", 2, 4],
    ["a merge key", "a:\n  <<: { x: 1 }\n", 2, 3],
    ["a tag of one's own", "a: !foo 1\n", 1, 9],
    ["a tag of JavaScript", 'a: !!js/function "x"\n', 1, 18],
    ["binary data", "a: !!binary aGk=\n", 1, 13],
    ["a set", "a: !!set { b }\n", 1, 10],
    ["a tag that says what is so anyway", "a: !!str b\n", 1, 10],
    ["YAML 1.1", "%YAML 1.1\n---\na: yes\n", 2, 1],
    ["a tab as indentation", "a:\n\tb: 1\n", 2, 1],
    ["a mapping in a line of one", "a: b: c\n", 1, 4],
    ["a list that is not closed", "a: [1, 2\n", 2, 1],
    ["a quote that is not closed", 'a: "x\n', 2, 1],
    ["a character that is none", "a: x\u0000y\n", 1, 5],
    ["half of a character", "a: \ud800\n", 1, 4],
  ])("%s, with its place", (_, text, line, column) => {
    const { sources, problems } = read(text);
    expect(sources).toEqual([]);
    expect(problems).toMatchObject([{ code: "YAML_SYNTAX", file: "f.yaml", line, column }]);
  });

  it("a merge key in quotes is a key", () => {
    expect(values('"<<": 1\n')).toEqual([{ "<<": 1 }]);
  });

  it("all at once, of every document", () => {
    expect(faults("a: *x\nb: !t 1\n---\nc: 1\nc: 2\n---\nd: *y\ne: *z\n")).toHaveLength(5);
  });

  it.each([
    ["flow lists", (depth: number) => "[".repeat(depth) + "]".repeat(depth)],
    ["block lists", (depth: number) => `${"- ".repeat(depth)}x`],
    [
      "mappings",
      (depth: number) => Array.from({ length: depth }, (_, at) => `${" ".repeat(at)}a:`).join("\n"),
    ],
  ])("%s deeper than the limit", (_, nest) => {
    expect(read(nest(limits.sourceDepthMax)).problems).toEqual([]);
    expect(read(nest(limits.sourceDepthMax + 2)).problems).toMatchObject([
      { code: "LIMIT_EXCEEDED", message: "nested deeper than 32 levels" },
    ]);
  });

  it.each(["[", "{a: ", "- ", "? ", "[{"])(
    "a hundred thousand times %j, without a stack",
    (text) => {
      const { problems } = read(text.repeat(100_000));
      expect(problems).toMatchObject([{ code: "LIMIT_EXCEEDED", line: 1 }]);
    },
  );

  it("an alias bomb, before anything of it is made", () => {
    const lines = Array.from({ length: 9 }, (_, at) => {
      const of = at === 0 ? "x" : `*l${at - 1}`;
      return `l${at}: &l${at} [${Array(9).fill(of).join(", ")}]`;
    });
    expect(read(lines.join("\n")).sources).toEqual([]);
  });

  it("a file beyond the limit, in bytes and not in characters", () => {
    const characters = limits.sourceBytesMax / 3;
    expect(read(`a: ${"日".repeat(characters)}`).problems).toMatchObject([
      { code: "LIMIT_EXCEEDED", line: 1, column: 1 },
    ]);
    expect(read(`a: ${"日".repeat(characters - 2)}`).problems).toEqual([]);
  });
});

describe("the excerpt of a problem", () => {
  const excerptAt = (text: string, key: string) => {
    const [source] = read(text).sources;
    return source?.problemAtKey([], key, "RESOURCE_KEY_UNKNOWN", "m").excerpt.split("\n");
  };

  it("points at the place below its line", () => {
    expect(excerptAt("a: 1\n  \nbc: 2\n", "bc")).toEqual(["bc: 2", "^"]);
    expect(excerptAt("{ a: 1, bc: 2 }\r\n", "bc")).toEqual(["{ a: 1, bc: 2 }", "        ^"]);
  });

  it("is as wide as what stands before, tabs, wide and combining characters included", () => {
    expect(excerptAt("{ a: 日本, b: 1 }", "b")).toEqual([
      "{ a: 日本, b: 1 }",
      "     \u3000\u3000  ^",
    ]);
    expect(excerptAt("{ a: 😀, b: 1 }", "b")?.[1]).toBe("     \u3000  ^");
    expect(excerptAt("{ a: e\u0301, b: 1 }", "b")?.[1]).toBe("        ^");
    expect(excerptAt("{\ta: 1,\tb: 1 }", "b")).toEqual(["{ a: 1, b: 1 }", "        ^"]);
  });

  it("shows what would not be seen", () => {
    expect(excerptAt("{ a: \u202e, b: 1 }", "b")?.[0]).toBe("{ a: \\u{202e}, b: 1 }");
  });

  it("shows of a long line what is near, so that many problems of it are small together", () => {
    const [line, caret] = excerptAt(`{ a: ${"x".repeat(9000)}, b: ${"y".repeat(9000)} }`, "b") as [
      string,
      string,
    ];
    expect(line.length).toBeLessThan(130);
    expect(line).toMatch(/^…x+, b: y+…$/);
    expect(line.at(caret.length - 1)).toBe("b");
  });
});
