import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";

const workflow = `kind: workflow
name: shift
inputs: { mark: { default: none } }
steps:
  - id: first
    run: |
      echo begun
      sleep 1
  - { id: second, depends: [first], run: "echo second" }
finally:
  - { id: tidy, run: "echo tidied" }
`;

describe("an operator's verbs", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
    await mesh.apply([{ path: "shift.yaml", text: workflow }]);
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  const states = async (run: string) =>
    Object.fromEntries((await mesh.getRun(run)).steps.map((it) => [it.step, it.state]));

  it("pause a run over a restart of the coordinator, and resume it", async () => {
    const run = await mesh.run("shift");
    await mesh.until(async () => (await states(run))["first"] === "running");
    const paused = await mesh.cohort("pause", run, "--reason", "belt is stuck");
    expect([paused.exit, paused.stdout]).toEqual([
      0,
      `${run} is paused; \`cohort resume ${run}\` lets it go on\n`,
    ]);
    await mesh.until(async () => (await states(run))["first"] === "succeeded");
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    await mesh.until(async () => (await states(run))["second"] === "waiting");
    expect((await mesh.cohort("status", run)).stdout).toMatch(
      /^paused by operator at .*: belt is stuck$/m,
    );
    expect((await mesh.cohort("resume", run)).stdout).toBe(`${run} goes on\n`);
    expect((await mesh.ended(run)).state).toBe("succeeded");
    const events = (await readLedger(mesh)).map(({ event }) => event);
    expect(events).toContainEqual({
      $case: "runPaused",
      value: { run, actor: "operator", reason: "belt is stuck" },
    });
    expect(events).toContainEqual({ $case: "runResumed", value: { run, actor: "operator" } });
  });
});
