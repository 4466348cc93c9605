import { describe, expect, it } from "vitest";
import { compileExpression, ExpressionError } from "../src/expression.ts";
import { limits } from "../src/limits.ts";

const numbers = Array.from({ length: 60 }, (_, at) => at);
const evaluate = (source: string, variables: Record<string, unknown> = {}) =>
  compileExpression(source).evaluate({ numbers, ...variables });
const tooDear = /^the expression takes more than 1000000 operations on this data$/;

describe("an expression", () => {
  it.each([
    [
      "loops in loops",
      "numbers.all(a, numbers.all(b, numbers.all(c, numbers.all(d, a + b + c + d < 1000.0))))",
    ],
    [
      "a loop over what loops made",
      "numbers.map(a, numbers.map(b, numbers.filter(c, numbers.exists(d, c == a + b))))",
    ],
    [
      "loops over lists of its own",
      `[${numbers}].all(a, [${numbers}].all(b, [${numbers}].all(c, [${numbers}].exists_one(d, d == 1))))`,
    ],
    [
      "loops over records",
      "record.all(a, record.all(b, record.all(c, record.all(d, a + b + c != d))))",
    ],
  ])("is ended when it costs too much: %s", (_, source) => {
    const record = Object.fromEntries(numbers.map((it) => [`key${it}`, it]));
    expect(() => evaluate(source, { record })).toThrowError(tooDear);
    expect(() => evaluate(source, { record })).toThrowError(ExpressionError);
  });

  it("may look at every item of a long list, and has as much to spend the next time", () => {
    const items = Array.from({ length: 20_000 }, (_, at) => ({ at, ok: at % 2 === 0 }));
    const condition = compileExpression("items.filter(it, it.ok && it.at > 10.0).size() > 9000");
    for (let time = 0; time < 20; time++) expect(condition.evaluate({ items })).toBe(true);
  });

  it("gives what it gave before, however loops nest", () => {
    expect(evaluate("[1, 2].map(a, [3, 4].map(b, a * b))")).toEqual([
      [3, 4],
      [6, 8],
    ]);
    expect(evaluate("numbers.filter(it, it > 57.0).map(it, it * 2)")).toEqual([116, 118]);
    expect(evaluate("[[1], []].exists(it, it.exists(inner, inner == 1))")).toBe(true);
  });
});

describe("matches", () => {
  it("takes time that grows with the text, not with its powers", () => {
    const text = `${"a".repeat(50_000)}!`;
    for (const pattern of ["(a+)+$", "(a|aa)+$", "(.*a){12}$"]) {
      expect(evaluate(`text.matches("${pattern}")`, { text })).toBe(false);
    }
  });

  it.each([
    ["^press-[0-9]+$", "press-7", true],
    ["line", "inline", true],
    ["^$", "", true],
    ["(?i)ALARM", "alarm", true],
    ["\\\\d{4}", "año 2026", true],
    ["\\\\p{Greek}", "τ", true],
    ["^a.c$", "a\\nc", false],
  ])("finds %s in %j: %s", (pattern, text, found) => {
    expect(evaluate(`"${text}".matches("${pattern}")`)).toBe(found);
  });

  it.each([
    ["an unclosed group", '"a".matches("(")', /the pattern is not one: .*missing closing/],
    ["a look-behind, which RE2 has not", '"a".matches("(?<=b)a")', /the pattern is not one/],
    [
      "a pattern that would be huge",
      '"a".matches("((a{100}){100}){100}")',
      /the pattern is not one/,
    ],
    ["data that is no text", "numbers.matches('a')", /matches/],
    ["a pattern that is no text", '"a".matches(numbers)', /matches/],
  ])("refuses %s", (_, source, message) => {
    expect(() => evaluate(source)).toThrowError(message);
  });

  it("counts towards what the expression may cost", () => {
    const text = "a".repeat(limits.expressionCostMax);
    expect(() => evaluate('text.matches("b")', { text })).toThrowError(tooDear);
  });
});
