import { describe, expect, it } from "vitest";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { worldWith } from "./world.ts";

const flow = `kind: workflow
name: flow
timeout: 1m
steps:
  - { id: a, run: "true", retry: { limit: 3, delay: 5s } }
  - { id: b, depends: [a], run: "true" }
  - { id: c, for_each: [1, 2, 3], max_concurrent: 1, run: "true" }
on_failure:
  - { id: tell, run: "true" }
finally:
  - { id: sweep, run: "true" }
  - { id: report, depends: [sweep], if: "\${{ !run.failed }}", run: "true" }
`;

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };
type World = Awaited<ReturnType<typeof worldWith>>;

const cancel = (it: World, run: string, hard = false) =>
  it.writer.decide(({ runs }) => decideCancel(runs, { run, hard, actor: "ann" }));

describe("cancelling a run", () => {
  it("ends what goes on, skips what waits, and leaves what is to be done finally", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "a", failed);
    expect(await cancel(it, run)).toBe(true);
    expect(it.stateOf(run)).toMatchObject({ a: "cancelled", b: "skipped", c: "cancelled" });
    expect(it.stateOf(run)).toMatchObject({ tell: "skipped", sweep: "running" });
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
    await it.pass(120_000);
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
    await it.finish(run, "sweep");
    await it.finish(run, "report");
    expect(it.runOf(run)).toMatchObject({ state: "cancelled", reason: "RUN_CANCELLED by ann" });
    expect(it.state.runs.timers.size).toBe(0);
    expect(it.state.runs.queues.classes.size).toBe(0);
  });

  it("ends everything at once when it is a hard one, also after a soft one", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await cancel(it, run);
    expect(await cancel(it, run, true)).toBe(true);
    expect(it.open()).toEqual([]);
    expect(it.stateOf(run)).toMatchObject({ sweep: "cancelled", report: "skipped" });
    expect(it.runOf(run)).toMatchObject({ state: "cancelled", reason: "RUN_CANCELLED by ann" });
  });

  it("changes nothing when there is nothing left to end, and knows every run", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await cancel(it, run);
    expect(await cancel(it, run)).toBe(false);
    await cancel(it, run, true);
    const before = it.recorded.length;
    expect(await cancel(it, run, true)).toBe(false);
    expect(it.recorded.length).toBe(before);
    await expect(cancel(it, "no-run")).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
  });

  it("does not undo the outcome of a run that does its last steps", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    for (const step of ["a", "b"]) await it.finish(run, step);
    for (const at of [0, 1, 2]) await it.finish(run, "c", {}, at);
    expect(await cancel(it, run)).toBe(false);
    await it.finish(run, "sweep");
    await it.finish(run, "report");
    expect(it.runOf(run).state).toBe("succeeded");
  });
});
