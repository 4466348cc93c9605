import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const check = (text: string, path = "flow.yaml") =>
  checkSources([{ path, text }], (kind) => kind === "service");
const codes = (text: string) => check(text).problems.map((it) => it.code);

const good = `kind: workflow
name: press
on:
  mqtt:
    - { topic: factory/+/press/+/vibration, if: "\${{ event.payload.rms > 4.5 }}" }
inputs:
  press: { default: "\${{ event.topic[3] }}" }
budget: 0.20 USD
steps:
  - id: sample
    nodes: { select: 'node.labels.role == "press"', count: all }
    script: 'export default () => ({ rms: 1 });'
  - id: judge
    depends: [sample]
    run: cat "$COHORT_WITH"
    with: { samples: "\${{ steps.sample.outputs }}" }
  - id: ticket
    depends: [judge]
    call: { service: maintenance, method: POST, path: /tickets, json: { press: "\${{ inputs.press }}" } }
`;

describe("checking what is applied", () => {
  it("accepts a whole workflow and keeps quantities as integers", () => {
    const { resources, problems } = check(good);
    expect(problems).toEqual([]);
    expect(resources[0]?.definition).toMatchObject({ name: "press", budget: 200_000_000 });
  });

  it("points at an unknown key and names the nearest valid one", () => {
    const [problem] = check(good.replace("depends: [judge]", "dependz: [judge]")).problems;
    expect(problem).toMatchObject({
      code: "RESOURCE_KEY_UNKNOWN",
      file: "flow.yaml",
      line: 18,
      column: 5,
      excerpt: "    dependz: [judge]\n    ^",
      hint: 'Did you mean "depends"?',
    });
  });

  it("says which kinds of step there are when a step has none", () => {
    const text = good.replace('run: cat "$COHORT_WITH"', "docker: alpine");
    const [problem] = check(text).problems;
    expect(problem).toMatchObject({ code: "STEP_KIND_UNKNOWN", line: 13 });
    expect(problem?.hint).toContain("run, command, script, call");
  });

  it("refuses a step with two kinds", () => {
    expect(codes(good.replace("run: cat", "command: [ls]\n    run: cat"))).toContain(
      "STEP_KIND_UNKNOWN",
    );
  });

  it("names the circle in which steps wait for one another", () => {
    const text = good.replace("  - id: sample\n", "  - id: sample\n    depends: [ticket]\n");
    const [problem] = check(text).problems;
    expect(problem?.code).toBe("STEP_CYCLE");
    expect(problem?.message).toMatch(/sample -> ticket -> judge -> sample/);
  });

  it("refuses a step that waits for itself, and one that waits for no step", () => {
    expect(codes(good.replace("depends: [sample]", "depends: [judge]"))).toContain("STEP_CYCLE");
    const [problem] = check(good.replace("depends: [sample]", "depends: [sampel]")).problems;
    expect(problem).toMatchObject({ code: "STEP_DEPENDS_UNKNOWN", hint: 'Did you mean "sample"?' });
  });

  it("refuses a selector that asks for what nodes do not have", () => {
    const [problem] = check(good.replace("node.labels.role", "node.lables.role")).problems;
    expect(problem).toMatchObject({
      code: "SELECTOR_UNKNOWN",
      line: 11,
      hint: 'Did you mean "labels"?',
    });
  });

  it("refuses an expression inside program text and says what to do instead", () => {
    const [problem] = check(
      good.replace('cat "$COHORT_WITH"', `echo \${{ inputs.press }}`),
    ).problems;
    expect(problem).toMatchObject({ code: "EXPRESSION_IN_SCRIPT", line: 15 });
    expect(problem?.hint).toContain("env:");
  });

  it("refuses to read a step that has not ended, an unknown input, an unknown name", () => {
    expect(codes(good.replace("steps.sample.outputs", "steps.ticket.output"))).toEqual([
      "EXPRESSION_INVALID",
    ]);
    expect(codes(good.replace("inputs.press }}", "inputs.pres }}"))).toEqual([
      "EXPRESSION_INVALID",
    ]);
    expect(codes(good.replace("steps.sample.outputs", "secrets.key"))).toEqual([
      "EXPRESSION_INVALID",
    ]);
  });

  it("refuses a condition that is not true or false, or that reads what a step does not have", () => {
    const withCondition = (text: string) =>
      check(good.replace("depends: [judge]", `depends: [judge]\n    if: ${text}`)).problems;
    expect(withCondition('steps.judge.output.severity > 2 && inputs.press == "p1"')).toEqual([]);
    const refused = { code: "EXPRESSION_INVALID", line: 19, column: 9 };
    expect(withCondition("size(inputs.press)")).toMatchObject([
      { ...refused, message: "a condition must be true or false; this one is of type int" },
    ]);
    expect(withCondition("2 > 'x'")).toMatchObject([refused]);
    expect(withCondition("steps.judge.outptu.severity > 2")).toMatchObject([
      { ...refused, hint: 'Did you mean "output"?' },
    ]);
    expect(withCondition("run.idd == 'x'")).toMatchObject([{ hint: 'Did you mean "id"?' }]);
    expect(withCondition('steps["no-step"].output == 1')).toMatchObject([refused]);
    expect(withCondition("node.name == 'x'")).toMatchObject([refused]);
  });

  it("refuses keys that would do nothing in this kind of step", () => {
    const text = good.replace("    call: {", "    limits: { memory: 1MiB }\n    call: {");
    expect(codes(text)).toEqual(["RESOURCE_KEY_UNKNOWN"]);
  });

  it("reports all problems of all files at once, and yields nothing to apply beside them", () => {
    const files = [
      { path: "a.yaml", text: good.replace("depends: [sample]", "depends: [sampel]") },
      { path: "b.yaml", text: "kind: budgett\nname: x\n" },
    ];
    const { problems } = checkSources(files, () => true);
    expect(problems.map((it) => [it.file, it.code])).toEqual([
      ["b.yaml", "RESOURCE_KIND_UNKNOWN"],
      ["a.yaml", "STEP_DEPENDS_UNKNOWN"],
    ]);
  });

  it.each([
    ["a tab for indentation", "kind: workflow\n\tname: x\n"],
    ["an unclosed flow", "kind: [workflow\n"],
    ["a duplicate key", "kind: workflow\nkind: workflow\n"],
    ["an alias", "kind: &k workflow\nname: *k\n"],
    ["a custom tag", "kind: !!js/function workflow\n"],
  ])("refuses %s with its place", (_, text) => {
    const [problem] = check(text).problems;
    expect(problem).toMatchObject({ code: "YAML_SYNTAX", file: "flow.yaml" });
    expect(problem?.line).toBeGreaterThan(0);
    expect(problem?.excerpt).toContain("^");
  });

  it("refuses an alias bomb and a deep nest without spending time on them", () => {
    const bomb = `a: &a [x,x]\n${"bcdefghijk".replace(/./g, (at, index: number) => `${at}: &${at} [*${"abcdefghij"[index]},*${"abcdefghij"[index]}]\n`)}`;
    expect(codes(bomb)).toContain("YAML_SYNTAX");
    expect(codes(`kind: ${"[".repeat(200)}${"]".repeat(200)}`)).toContain("LIMIT_EXCEEDED");
  });

  it("does not let __proto__ through as a key", () => {
    expect(
      codes(good.replace("budget: 0.20 USD", "__proto__: { polluted: true }")).length,
    ).toBeGreaterThan(0);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("refuses a workflow that calls a service which nobody has defined", () => {
    const { problems } = checkSources([{ path: "flow.yaml", text: good }], () => false);
    expect(problems.map((it) => it.code)).toEqual(["RESOURCE_REFERENCE_UNKNOWN"]);
  });

  it("checks a chain of ten thousand steps", () => {
    const steps = Array.from({ length: 10_000 }, (_, at) =>
      at === 0
        ? "  - { id: s0, run: 'true' }"
        : `  - { id: s${at}, depends: [s${at - 1}], run: 'true' }`,
    );
    expect(check(`kind: workflow\nname: long\nsteps:\n${steps.join("\n")}\n`).problems).toEqual([]);
  });
});
