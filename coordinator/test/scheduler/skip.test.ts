import { describe, expect, it } from "vitest";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { decidePause } from "../../src/scheduler/decide-pause.ts";
import { decideSkip, type SkipRequest } from "../../src/scheduler/decide-skip.ts";
import { worldWith } from "./world.ts";

const flow = `kind: workflow
name: flow
steps:
  - { id: a, run: "true", retry: { limit: 3, delay: 5s } }
  - { id: b, depends: [a], run: "true", env: { SEEN: "\${{ steps.a.outcome }}" } }
  - { id: c, depends: "a.skipped && a", run: "true" }
  - { id: d, depends: a.succeeded, run: "true" }
on_failure:
  - { id: tell, run: "true" }
finally:
  - { id: sweep, run: "true" }
  - { id: report, depends: [sweep], run: "true" }
`;

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };
type World = Awaited<ReturnType<typeof worldWith>>;

const skip = (it: World, run: string, step: string, rest: Partial<SkipRequest> = {}) => {
  const request = { run, step, reason: "sensor is gone", actor: "ann", role: "operator" as const };
  return it.writer.decide((state) => decideSkip(state, { ...request, ...rest }));
};

describe("skipping a step", () => {
  it("ends it, whatever ran of it, and lets what depends on it go on", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await skip(it, run, "a");
    expect(it.runOf(run).steps.get("a")).toMatchObject({
      state: "skipped",
      reason: "sensor is gone",
      skippedBy: "ann",
      instances: [{ state: "cancelled" }],
    });
    expect(it.open()).toEqual(["b[0]#1@node-a", "c[0]#1@node-a"]);
    expect(it.stateOf(run)["d"]).toBe("skipped");
    for (const step of ["b", "c", "sweep", "report"]) await it.finish(run, step);
    expect(it.runOf(run)).toMatchObject({ state: "succeeded", failure: "" });
  });

  it("is possible while its retry is delayed, and leaves nothing behind", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "a", failed);
    await skip(it, run, "a");
    const { queues, timers } = it.state.runs;
    expect([queues.delayed.size, timers.size]).toEqual([0, 0]);
    await it.pass(10_000);
    expect(it.runOf(run).steps.get("a")?.state).toBe("skipped");
  });

  it("takes a step that waits, and what waits for that goes on when its time comes", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await skip(it, run, "b");
    expect(it.stateOf(run)).toMatchObject({ a: "running", b: "skipped", c: "waiting" });
    await it.finish(run, "a");
    await it.finish(run, "d");
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
  });

  it("takes a step of a later part, which begins without it", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await skip(it, run, "sweep");
    await skip(it, run, "tell");
    expect(it.stateOf(run)).toMatchObject({ a: "running", sweep: "skipped", report: "waiting" });
    await it.finish(run, "a", { ...failed, code: "CALL_STATUS" });
    await it.pass(5_000);
    for (const _ of [1, 2, 3]) {
      await it.finish(run, "a", failed);
      await it.pass(5_000);
    }
    expect(it.stateOf(run)).toMatchObject({ a: "failed", tell: "skipped", report: "running" });
    await it.finish(run, "report");
    expect(it.runOf(run).state).toBe("failed");
  });

  it("ends the run when nothing else is left, on whatever part it is", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    for (const step of ["report", "sweep", "tell", "d", "c", "b", "a"]) await skip(it, run, step);
    expect(it.runOf(run)).toMatchObject({ state: "succeeded" });
    expect([it.state.runs.ready.size, it.open().length]).toEqual([0, 0]);
  });

  it("works in a paused run, whose next steps begin when it is resumed", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    const pause = { run, reason: "", actor: "ann" };
    await it.writer.decide(({ runs }) => decidePause(runs, pause));
    await skip(it, run, "a");
    expect(it.open()).toEqual([]);
    expect(it.stateOf(run)).toMatchObject({ a: "skipped", b: "waiting" });
  });

  it("does not get in the way of a hard cancel", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await skip(it, run, "sweep");
    await it.writer.decide(({ runs }) => decideCancel(runs, { run, hard: true, actor: "ann" }));
    expect(it.runOf(run).state).toBe("cancelled");
  });
});

describe("a skip is refused", () => {
  it("of what has ended, is not there, or was never asked for", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.finish(run, "a");
    const before = it.recorded.length;
    await expect(skip(it, run, "a")).rejects.toMatchObject({
      code: "STEP_ENDED",
      message: "step a has ended: it is succeeded",
    });
    await expect(skip(it, run, "sweap")).rejects.toMatchObject({
      code: "STEP_UNKNOWN",
      problems: [{ hint: 'Did you mean "sweep"?' }],
    });
    await expect(skip(it, "no-run", "a")).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
    expect(it.recorded.length).toBe(before);
    for (const step of ["b", "d", "sweep", "report"]) await it.finish(run, step);
    await expect(skip(it, run, "b")).rejects.toMatchObject({ code: "RUN_ENDED" });
  });

  it.each([
    ["no reason", ""],
    ["a blank reason", " \t"],
    ["a reason of two lines", "one\ntwo"],
    ["a reason that hides its end", "fine\u202e"],
    ["a reason that is too long", "x".repeat(201)],
  ])("with %s", async (_, reason) => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await expect(skip(it, run, "a", { reason })).rejects.toMatchObject({ code: "USAGE" });
    expect(it.stateOf(run)["a"]).toBe("running");
  });

  it("of an approval that is for others to give", async () => {
    const it = await worldWith(`kind: workflow
name: asks
steps: [{ id: ask, approve: { prompt: "Slow down?", roles: [approver] } }]
`);
    const { run } = await it.start("asks");
    await expect(skip(it, run, "ask")).rejects.toMatchObject({ code: "FORBIDDEN" });
    expect(it.stateOf(run)["ask"]).toBe("running");
  });
});
