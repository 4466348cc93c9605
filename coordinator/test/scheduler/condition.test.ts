import { describe, expect, it } from "vitest";
import { worldWith } from "./world.ts";

const flow = `kind: workflow
name: flow
inputs:
  loud: { type: boolean, default: false }
steps:
  - { id: look-up, run: "true" }
  - id: warn
    depends: [look-up]
    if: \${{ steps["look-up"].output.severity >= 2 && inputs.loud }}
    run: "true"
  - { id: after, depends: [warn], run: "true" }
  - { id: beside, depends: [look-up], if: "steps['look-up'].outcome == 'succeeded'", run: "true" }
`;

describe("a step's condition", () => {
  it("lets the step run when it is true", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow", "", { loud: true });
    await it.finish(run, "look-up", { outputJson: '{"severity":2}' });
    expect(it.open()).toEqual(["beside[0]#1@node-a", "warn[0]#1@node-a"]);
  });

  it("skips the step and what depends on it when it is false, and the run succeeds", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "look-up", { outputJson: '{"severity":2}' });
    await it.finish(run, "beside");
    expect(it.stateOf(run)).toMatchObject({ warn: "skipped", after: "skipped" });
    const { steps, state } = it.runOf(run);
    expect(steps.get("warn")?.reason).toBe("its condition is false");
    expect(steps.get("after")?.reason).toBe("step warn skipped");
    expect(state).toBe("succeeded");
  });

  it("fails the step when what it reads is not there", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow", "", { loud: true });
    await it.finish(run, "look-up", { outputJson: '{"colour":"red"}' });
    expect(it.stateOf(run)).toMatchObject({ warn: "failed", beside: "running" });
    expect(it.runOf(run).steps.get("warn")?.reason).toMatch(/^EXPRESSION_INVALID if: /);
  });
});
