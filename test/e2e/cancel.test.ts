import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

const workflow = `kind: workflow
name: long
steps:
  - id: slow
    run: |
      trap 'echo asked to end; exit 7' TERM
      echo begun
      sleep 300 &
      wait
  - { id: after, depends: [slow], run: "true" }
finally:
  - { id: tidy, run: "echo tidied" }
`;

describe("cohort cancel", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
    await mesh.apply([{ path: "long.yaml", text: workflow }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const begun = async () => {
    const run = await mesh.run("long");
    await mesh.until(async () => (await mesh.cohort("logs", run)).stdout.includes("begun"));
    return run;
  };

  it("asks the running program to end, skips what waits, and runs the finally steps", async () => {
    const run = await begun();
    const { exit, stdout } = await mesh.cohort("cancel", run);
    expect([exit, stdout]).toEqual([0, `${run} is being cancelled\n`]);
    const ended = await mesh.ended(run);
    expect(ended.state).toBe("cancelled");
    expect(ended.reason).toContain("RUN_CANCELLED");
    const states = Object.fromEntries(ended.steps.map((it) => [it.step, it.state]));
    expect(states).toMatchObject({ after: "skipped", tidy: "succeeded" });
    await mesh.until(async () => (await mesh.cohort("logs", run)).stdout.includes("asked to end"));
  });

  it("leaves the finally steps out when it is hard, and frees the board", async () => {
    const run = await begun();
    expect((await mesh.cohort("cancel", run, "--hard")).exit).toBe(0);
    const ended = await mesh.ended(run);
    expect(ended.state).toBe("cancelled");
    expect(ended.steps.find((it) => it.step === "tidy")?.state).toBe("skipped");
    expect((await mesh.cohort("cancel", run)).stdout).toBe(`${run} had nothing left to cancel\n`);
    const { nodes } = mesh.client;
    await mesh.until(async () => {
      const reply = await mesh.client.call(nodes, nodes.list, {});
      return reply.nodes.every((it) => it.running === 0);
    });
  });

  it("refuses a run that is not there", async () => {
    const { exit, stderr } = await mesh.cohort("cancel", "01NOSUCHRUN");
    expect(exit).toBe(4);
    expect(stderr).toContain("RUN_UNKNOWN");
  });
});
