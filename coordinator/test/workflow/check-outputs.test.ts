import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const flow = (later: string, outputs = "{ types: { rms: number, cause: string, raw: json } }") =>
  `kind: workflow
name: flow
inputs: { size: { type: number, default: 1 }, press: {}, dry: { type: boolean, default: false } }
steps:
  - { id: sample, run: sample, outputs: ${outputs} }
  - { id: ticket, call: { service: maintenance, path: /tickets } }
  - { id: later, depends: [sample, ticket], run: later, ${later} }
`;
const check = (text: string) => checkSources([{ path: "flow.yaml", text }], () => true).problems;
const value = (expression: string) => flow(`env: { VALUE: '\${{ ${expression} }}' }`);

describe("expressions that read declared outputs and inputs", () => {
  it.each([
    "steps.sample.output.rms * 2 + inputs.size",
    "steps.sample.output.rms == 3 || steps.sample.output.rms == 4.5",
    "inputs.size in [1, 2]",
    "inputs.size > 1 ? inputs.size : 3",
    'steps.sample.output.cause + "!"',
    "steps.sample.output.raw.anything[0].goes > 1",
    "has(steps.sample.output.rms)",
    "steps.sample.?output.rms.orValue(1)",
    "steps.sample.outputs.map(it, it.whatever)",
    "size(inputs)",
    "steps.ticket.output.body.id",
    "!inputs.dry && !run.failed",
  ])("are accepted where the types fit: %s", (expression) => {
    expect(check(value(expression))).toEqual([]);
  });

  it.each([
    ["steps.sample.output.rms > inputs.press", "no such overload: double > string"],
    ["inputs.size + steps.sample.output.cause", "no such overload: double + string"],
    ["inputs.dry + 1", "no such overload: bool + int"],
    ["inputs.size.value", "Cannot index type 'double'"],
    ["steps.sample.outcome > 1", "no such overload: string > int"],
    ['steps.ticket.output.status == "ok"', "no such overload: double == string"],
  ])("are refused where they cannot: %s", (expression, message) => {
    expect(check(value(expression))).toMatchObject([
      { code: "EXPRESSION_INVALID", message, line: 7 },
    ]);
  });

  it("are refused where the output has no such field, with the nearest", () => {
    expect(check(value("steps.sample.output.rmz"))).toMatchObject([
      {
        code: "EXPRESSION_INVALID",
        message: 'the output of step "sample" has no field "rmz"',
        hint: 'Did you mean "rms"?',
      },
    ]);
    expect(check(value("steps.ticket.output.stauts"))).toMatchObject([
      { hint: 'Did you mean "status"?' },
    ]);
  });

  it("make no condition of what is known to be none, and no list", () => {
    expect(check(flow("if: steps.sample.output.rms"))).toMatchObject([
      { message: "a condition must be true or false; this one is of type double" },
    ]);
    expect(check(flow("for_each: '${{ steps.sample.output.cause }}'"))).toMatchObject([
      { message: expect.stringContaining("of type string") },
    ]);
  });
});

describe("outputs", () => {
  it.each(["/etc/passwd", "../x", "a/../b", "a//b", "./a", "a/", "", "a\\\\b", "a\\nb"])(
    "refuse the path %j",
    (path) => {
      expect(check(flow("env: {}", `{ path: "${path}" }`))).toMatchObject([
        {
          code: "RESOURCE_INVALID",
          message: expect.stringContaining("must be a path below /work"),
        },
      ]);
    },
  );

  it("take a path below /work", () => {
    expect(check(flow("env: {}", "{ path: out/..data/result.json }"))).toEqual([]);
  });

  it("refuse what would do nothing", () => {
    const codes = (outputs: string, text = flow("env: {}", outputs)) =>
      check(text).map((it) => it.code);
    expect(codes("{ from: stdout, path: a.json }")).toEqual(["RESOURCE_KEY_UNKNOWN"]);
    const script = flow("env: {}", "{ path: a.json }").replace(
      "run: sample",
      "script: 'export default 1'",
    );
    expect(codes("", script)).toEqual(["RESOURCE_KEY_UNKNOWN"]);
    const call = flow("env: {}").replace("path: /tickets }", "path: /tickets }, outputs: {}");
    expect(codes("", call)).toEqual(["RESOURCE_KEY_UNKNOWN"]);
  });

  it("refuse a type that is none, with those that are", () => {
    expect(check(flow("env: {}", "{ types: { rms: float } }"))).toMatchObject([
      { code: "RESOURCE_INVALID", hint: "Valid here: string, number, boolean, json." },
    ]);
  });
});
