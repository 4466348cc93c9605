import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";

const workflow = `kind: workflow
name: shift
inputs: { mark: { default: none } }
steps:
  - { id: first, approve: { prompt: Go on?, roles: [operator] } }
  - { id: second, depends: [first], run: "echo second" }
finally:
  - { id: tidy, run: "echo tidied" }
---
kind: workflow
name: press
inputs: { limit: { type: number, default: 3 } }
steps:
  - id: measure
    with: { limit: "\${{ inputs.limit }}" }
    script: "export default ({ with: { limit } }) => ({ rms: 4.7, limit, at: Math.random() })"
  - id: adjust
    depends: [measure]
    run: |
      trap 'echo asked to end; exit 7' TERM
      echo adjusting
      sleep 300 &
      wait
  - id: report
    depends: [adjust]
    with: { seen: "\${{ steps.measure.output }}" }
    script: "export default ({ with: { seen } }) => seen"
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
    expect((await mesh.cohort("approve", run, "first")).exit).toBe(0);
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    expect(await states(run)).toMatchObject({ first: "succeeded", second: "waiting" });
    expect((await mesh.cohort("status", run)).stdout).toMatch(
      /^paused by operator at .*: belt is stuck$/m,
    );
    expect((await mesh.cohort("resume", run)).stdout).toBe(`${run} goes on\n`);
    expect((await mesh.ended(run)).state).toBe("succeeded");
    const events = (await readLedger(mesh)).map(({ event }) => event);
    expect(events).toContainEqual({
      $case: "runPaused",
      value: { run, actor: "operator", reason: "belt is stuck", above: "" },
    });
    expect(events).toContainEqual({ $case: "runResumed", value: { run, actor: "operator" } });
  });

  const outputOf = async (run: string, step: string): Promise<unknown> => {
    const found = (await mesh.getRun(run)).steps.find((it) => it.step === step);
    return JSON.parse(found?.instances[0]?.outputJson || "null");
  };

  /** A run whose step `adjust` runs, and does not end by itself. */
  const adjusting = async () => {
    const run = await mesh.run("press");
    await mesh.until(async () => (await mesh.cohort("logs", run)).stdout.includes("adjusting"));
    return run;
  };

  it("skip a step that runs: it is asked to end, and what depends on it goes on", async () => {
    const run = await adjusting();
    const { exit, stderr } = await mesh.cohort("skip", run, "adjsut", "--reason", "x");
    expect([exit, stderr]).toEqual([
      4,
      'STEP_UNKNOWN workflow press has no step "adjsut"\n  Did you mean "adjust"?\n',
    ]);
    const skipped = await mesh.cohort("skip", run, "adjust", "--reason", "done by hand");
    expect(skipped.exit).toBe(0);
    const ended = await mesh.ended(run);
    expect(ended.state).toBe("succeeded");
    expect(await outputOf(run, "report")).toMatchObject({ rms: 4.7 });
    const { stdout } = await mesh.cohort("status", run);
    expect(stdout).toMatch(/^adjust +- +skipped .* by operator: done by hand$/m);
    await mesh.until(async () => (await mesh.cohort("logs", run)).stdout.includes("asked to end"));
    expect((await mesh.cohort("skip", run, "report", "--reason", "x")).stderr).toContain(
      "RUN_ENDED",
    );
  });

  it("retry a run that has left memory, with its outputs, once for a key; and rerun it", async () => {
    const former = await adjusting();
    expect((await mesh.cohort("retry", former)).stderr).toContain("RUN_NOT_ENDED");
    await mesh.cohort("cancel", former);
    await mesh.ended(former);
    await mesh.program("coordinator").kill("SIGKILL");
    await mesh.program("coordinator").start();
    const argv = ["retry", former, "--idempotency-key", "k"];
    const again = (await mesh.cohort(...argv)).stdout.trim();
    await mesh.until(async () => (await states(again))["adjust"] === "running");
    expect((await mesh.cohort(...argv)).stdout.trim()).toBe(again);
    await mesh.cohort("skip", again, "adjust", "--reason", "done by hand");
    expect(await mesh.ended(again)).toMatchObject({ state: "succeeded", retryOf: former });
    expect(await outputOf(again, "report")).toEqual(await outputOf(former, "measure"));
    expect((await mesh.getRun(former)).state).toBe("cancelled");
    const attempts = (await readLedger(mesh)).filter(
      ({ event }) => event.$case === "attemptScheduled" && event.value.attempt?.run === again,
    );
    expect(attempts).toHaveLength(2);

    const rerun = (await mesh.cohort("rerun", former, "--latest")).stdout.trim();
    await mesh.until(async () => (await states(rerun))["adjust"] === "running");
    expect(await outputOf(rerun, "measure")).not.toEqual(await outputOf(former, "measure"));
    await mesh.cohort("cancel", rerun, "--hard");
    expect(await mesh.ended(rerun)).toMatchObject({ state: "cancelled", rerunOf: former });
  });
});
