import { evaluateCondition } from "@cohort/proto/expression";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { endVariables, parseDependencies } from "../../src/workflow/dependencies.ts";
import { checkSources } from "../../src/workflow/workflow.ts";

const states = ["succeeded", "failed", "skipped"] as const;
const ids = ["a", "b-c", "not-a", "x1"];

interface Node {
  readonly text: string;
  readonly value: (ends: Readonly<Record<string, string>>) => boolean;
}

/** A condition as text, beside what it means. */
const conditions = fc.letrec<{ node: Node; leaf: Node; not: Node; pair: Node }>((tie) => ({
  node: fc.oneof({ maxDepth: 4 }, tie("leaf"), tie("not"), tie("pair")),
  leaf: fc
    .tuple(fc.constantFrom(...ids), fc.option(fc.constantFrom(...states)))
    .map(([id, state]) => ({
      text: state === null ? id : `${id}.${state}`,
      value: (ends) => ends[id] === (state ?? "succeeded"),
    })),
  not: tie("node").map(({ text, value }) => ({
    text: `!(${text})`,
    value: (ends) => !value(ends),
  })),
  pair: fc.tuple(tie("node"), fc.constantFrom("&&", " || "), tie("node")).map(([a, sign, b]) => ({
    text: `(${a.text}${sign}${b.text})`,
    value: (ends) =>
      sign === "&&" ? a.value(ends) && b.value(ends) : a.value(ends) || b.value(ends),
  })),
})).node;

describe("depends as a condition", () => {
  it("means what its signs mean, over ids that hold a minus, too", () => {
    const ends = fc.tuple(...ids.map(() => fc.constantFrom(...states)));
    fc.assert(
      fc.property(conditions, ends, ({ text, value }, chosen) => {
        const byId = Object.fromEntries(ids.map((id, at) => [id, chosen[at] as string]));
        const dependencies = parseDependencies(text);
        const variables = endVariables(dependencies, (id) => {
          const state = byId[id] as string;
          return { state, well: state === "succeeded" };
        });
        const { condition } = dependencies;
        expect(condition !== null && evaluateCondition(condition, variables)).toBe(value(byId));
      }),
    );
  });

  it("waits for each step that it names, once", () => {
    expect(parseDependencies("a && (b-c.failed || !a.skipped)").steps).toEqual(["a", "b-c"]);
    expect(parseDependencies(["a", "b", "a"])).toEqual({ steps: ["a", "b"], condition: null });
  });

  it.each([
    ["an unknown step", "a && bb", "STEP_DEPENDS_UNKNOWN", 'no step is called "bb"'],
    ["an unknown end", "a.done", "EXPRESSION_INVALID", "succeeded, failed, skipped"],
    ["a call", "size(a)", "STEP_DEPENDS_UNKNOWN", 'no step is called "size"'],
    ["another operator", "a == b", "EXPRESSION_INVALID", '"== b"'],
    ["a text", '"a"', "EXPRESSION_INVALID", "none of these"],
    ["an expression's braces", "\u0024{{ a }}", "EXPRESSION_INVALID", "none of these"],
    ["an open parenthesis", "(a", "EXPRESSION_INVALID", ""],
    ["two ids side by side", "a b", "EXPRESSION_INVALID", ""],
    ["itself", "!c.failed", "STEP_CYCLE", "c -> c"],
  ])("refuses %s with its place", (_, depends, code, message) => {
    const text = `kind: workflow
name: flow
steps:
  - { id: a, run: "true" }
  - { id: b, run: "true" }
  - id: c
    depends: ${JSON.stringify(depends)}
    run: "true"
`;
    const [problem] = checkSources([{ path: "flow.yaml", text }], () => true).problems;
    expect(problem).toMatchObject({ code, line: 7, column: 14 });
    expect(problem?.message).toContain(message);
  });
});
