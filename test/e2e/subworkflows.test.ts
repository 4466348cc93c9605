import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

const workflows = `kind: workflow
name: measure
inputs: { press: {}, seconds: { default: "0" } }
outputs: { text: "\${{ steps.read.output.text }}" }
steps:
  - id: read
    env: { PRESS: "\${{ inputs.press }}", WAIT: "\${{ inputs.seconds }}" }
    run: sleep "$WAIT"; printf '{"text":"%s is well"}' "$PRESS" > "$COHORT_OUTPUT"
---
kind: workflow
name: shift
inputs: { seconds: { default: "1" } }
outputs: { all: "\${{ steps.presses.outputs }}" }
steps:
  - id: presses
    for_each: [p1, p2]
    workflow: measure
    with: { press: "\${{ item }}", seconds: "\${{ inputs.seconds }}" }
`;

describe("a workflow that runs another", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
    await mesh.apply([{ path: "shift.yaml", text: workflows }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const childrenOf = async (run: string) =>
    (await mesh.getRun(run)).steps.flatMap(({ instances }) => instances.map((it) => it.child));

  it("is given what its children leave, over a kill -9 of the coordinator", async () => {
    const run = await mesh.run("shift");
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    const ended = await mesh.ended(run);
    expect(ended).toMatchObject({ state: "succeeded", reason: "" });
    const all = [{ text: "p1 is well" }, { text: "p2 is well" }];
    expect(JSON.parse(ended.outputsJson)).toEqual({ all });
    expect(await mesh.runsOf("measure")).toHaveLength(2);
    const [child = ""] = await childrenOf(run);
    const { stdout } = await mesh.cohort("status", child);
    expect(stdout).toContain(`started by step presses of run ${run}`);
  });

  it("takes its children along when it is cancelled", async () => {
    const run = await mesh.run("shift", { seconds: "300" });
    await mesh.until(async () => (await childrenOf(run)).filter((it) => it !== "").length === 2);
    await mesh.cohort("cancel", run);
    expect((await mesh.ended(run)).state).toBe("cancelled");
    for (const child of await childrenOf(run)) {
      expect(await mesh.ended(child)).toMatchObject({ state: "cancelled" });
    }
  });
});
