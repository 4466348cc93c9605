import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { workflowAt } from "../../src/catalogue/catalogue.ts";
import { workFor } from "../../src/scheduler/work.ts";
import type { CompiledStep } from "../../src/workflow/compile.ts";
import { checkSources } from "../../src/workflow/workflow.ts";
import { worldWith } from "../scheduler/world.ts";

const problemsOf = (text: string) =>
  checkSources([{ path: "a.yaml", text }], () => true).problems.map(({ code }) => code);

describe("a step's output that holds an expression (88)", () => {
  const flow = `kind: workflow
name: flow
steps:
  - { id: a, run: "true" }
  - id: b
    depends: [a]
    run: echo
    env: { SAID: "\${{ steps.a.output.said }}", MIXED: "<\${{ steps.a.output.said }}>" }
    with: { list: ["\${{ steps.a.output.said }}"], all: "\${{ steps.a.output }}" }
  - { id: c, depends: [a], if: "\${{ steps.a.output.said == 'x' }}", run: "true" }
`;

  it("is a text like any other to the step that reads it, and is never evaluated", async () => {
    const world = await worldWith(flow);
    const { run } = await world.start("flow");
    const said = "${{ 1 + 1 }} ${{ inputs }} ${{ steps.a.output.said }} $(id) `id`";
    await world.finish(run, "a", { outputJson: JSON.stringify({ said }) });
    const found = world.runOf(run);
    const step = workflowAt(world.state.catalogue, found.version).steps.get("b") as CompiledStep;
    const instance = found.steps.get("b")?.instances[0];
    const node = world.state.fleet.nodes.get("node-a");
    if (instance === undefined || node === undefined) throw new Error("nothing is scheduled");
    const work = workFor(found, step, instance, node, world.state.artifacts);
    expect(work.environment).toEqual({ SAID: said, MIXED: `<${said}>` });
    expect(JSON.parse(work.withJson)).toEqual({ list: [said], all: { said } });
    expect(found.steps.get("c")?.state).toBe("skipped");
  });
});

describe("what would take the coordinator's time (89, 116)", () => {
  const step = (at: number, rest = "") => `  - { id: s${at}, run: "true"${rest} }\n`;
  const steps = (count: number, rest: (at: number) => string = () => "") =>
    `kind: workflow\nname: flow\nsteps:\n${Array.from({ length: count }, (_, at) => step(at, rest(at))).join("")}`;

  it("is refused: 100,000 steps, by the size of the file or their number", () => {
    expect(problemsOf(steps(100_000))).toContain("LIMIT_EXCEEDED");
    const text = `kind: workflow\nname: f\nsteps: [${"{id: a,run: x},".repeat(limits.stepsMax + 1)}]`;
    expect(text.length).toBeLessThan(limits.sourceBytesMax);
    expect(problemsOf(text).length).toBeGreaterThan(0);
  });

  it("is refused: a circle through every step, steps that nobody has, a step that waits for itself", () => {
    const count = 2_000;
    const circle = steps(count, (at) => `, depends: [s${(at + 1) % count}]`);
    expect(problemsOf(circle)).toContain("STEP_CYCLE");
    expect(problemsOf(steps(2, () => ", depends: [nobody]")).length).toBe(2);
    expect(problemsOf(steps(1, () => ", depends: [s0]"))).toContain("STEP_CYCLE");
  });

  it.each([
    ["a pattern with a back reference", "matches(inputs.a, '(a)\\\\1')"],
    ["an expression longer than the limit", `1${" + 1".repeat(limits.expressionBytesMax)}`],
    ["one nested beyond reason", `${"(".repeat(1_500)}1${")".repeat(1_500)}`],
    ["a reach for the constructor (87)", "inputs.constructor.constructor('return 1')()"],
    ["a reach for the prototype (87)", "inputs.__proto__.polluted"],
  ])("is refused: %s", (_, expression) => {
    const text = `kind: workflow\nname: flow\ninputs: { a: {} }\nsteps:\n  - { id: a, run: "true", if: ${JSON.stringify(`\${{ ${expression} }}`)} }\n`;
    expect(problemsOf(text).length).toBeGreaterThan(0);
  });
});

describe("a workflow that starts itself (117)", () => {
  const flow = (name: string, child: string) =>
    `kind: workflow\nname: ${name}\nsteps:\n  - { id: a, workflow: ${child} }\n`;

  it("is refused, directly and in a circle of many", () => {
    expect(problemsOf(flow("a", "a"))).toContain("WORKFLOW_CYCLE");
    const names = Array.from(
      { length: 50 },
      (_, at) => `flow-${"abcdefghij"[at % 10]}${Math.floor(at / 10) + 2}`,
    );
    const circle = names.map((name, at) => flow(name, names[(at + 1) % names.length] as string));
    expect(problemsOf(circle.join("---\n"))).toContain("WORKFLOW_CYCLE");
  });
});
