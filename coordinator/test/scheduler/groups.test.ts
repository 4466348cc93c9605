import { describe, expect, it } from "vitest";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const flow = (concurrency: string, name = "flow") => `kind: workflow
name: ${name}
timeout: 1m
inputs: { press: { default: p1 } }
concurrency: { ${concurrency} }
steps: [{ id: a, run: "true" }]
finally: [{ id: z, run: "true" }]
`;
const press = (keys = "") => flow(`group: "press-\${{ inputs.press }}"${keys}`);

const started = async (it: World, count: number, inputs = {}, name = "flow") => {
  const runs: string[] = [];
  for (let at = 0; at < count; at++) runs.push((await it.start(name, "", inputs)).run);
  return runs as [string, string, string];
};
const states = (it: World) => [...it.state.runs.byId.values()].map((run) => run.state);
const end = async (it: World, run: string) => {
  await it.finish(run, "a");
  await it.finish(run, "z");
};
const cancel = (it: World, run: string) =>
  it.writer.decide(({ runs }) => decideCancel(runs, { run, hard: false, actor: "ann" }));

describe("a concurrency group", () => {
  it("lets runs begin in order as places become free, and counts their timeout from there", async () => {
    const it = await worldWith(press(", max: 2"));
    const [first, second, third] = await started(it, 4);
    expect(states(it)).toEqual(["running", "running", "queued", "queued"]);
    expect(it.stateOf(third)).toEqual({ a: "waiting", z: "waiting" });
    await it.pass(50_000);
    await end(it, second);
    expect(states(it)).toEqual(["running", "succeeded", "running", "queued"]);
    expect(it.runOf(third)).toMatchObject({ requestedMs: 1_000_000, startedMs: 1_050_000 });
    await it.pass(20_000);
    expect(it.runOf(first).stopReason).toMatch(/^RUN_TIMEOUT/);
    expect(it.runOf(third).stopReason).toBe("");
  });

  it("is one for each name, whatever the workflow", async () => {
    const other = flow('group: "press-p1"', "other");
    const it = await worldWith(`${press()}---\n${other}`);
    await started(it, 1);
    await started(it, 1, { press: "p2" });
    await started(it, 1, {}, "other");
    expect(states(it)).toEqual(["running", "running", "queued"]);
    expect([...it.state.runs.groups.keys()]).toEqual(["press-p1", "press-p2"]);
  });

  it("skips a run that finds no place where that is asked, and names the holder", async () => {
    const it = await worldWith(press(", overflow: skip"));
    const [first, second] = await started(it, 2);
    const reason = `GROUP_FULL group "press-p1" is held by run ${first}`;
    expect(it.runOf(second)).toMatchObject({ state: "cancelled", reason });
    expect(it.stateOf(second)).toEqual({ a: "skipped", z: "skipped" });
    await end(it, first);
    const [third] = await started(it, 1);
    expect(it.runOf(third).state).toBe("running");
  });

  it("cancels the oldest for the newest where that is asked, and what waits before it too", async () => {
    const it = await worldWith(press(", overflow: replace"));
    const [first, second, third] = await started(it, 3);
    expect(states(it)).toEqual(["running", "cancelled", "queued"]);
    expect(it.runOf(first).stopReason).toBe(`RUN_REPLACED in group "press-p1" by run ${second}`);
    expect(it.runOf(second).reason).toContain(`by run ${third}`);
    await it.finish(first, "z");
    expect(states(it)).toEqual(["cancelled", "cancelled", "running"]);
  });

  it("forgets a run that is cancelled while it waits, and ends empty", async () => {
    const it = await worldWith(press());
    const [first, second, third] = await started(it, 3);
    expect(await cancel(it, second)).toBe(true);
    expect(it.runOf(second)).toMatchObject({ state: "cancelled", reason: "RUN_CANCELLED by ann" });
    expect(await cancel(it, second)).toBe(false);
    await end(it, first);
    expect(it.runOf(third).state).toBe("running");
    await end(it, third);
    expect(it.state.runs.groups.size).toBe(0);
    expect(it.state.runs.timers.size).toBe(0);
  });

  it("is not held up by a newcomer where the one that waits asks for fewer places", async () => {
    const wide = flow("group: shared, max: 3, overflow: skip", "wide");
    const it = await worldWith(`${flow("group: shared")}---\n${wide}`);
    const [first, second] = await started(it, 2);
    const [third] = await started(it, 1, {}, "wide");
    expect([first, second, third].map((run) => it.runOf(run).state)).toEqual([
      "running",
      "queued",
      "cancelled",
    ]);
  });

  it("is the same when the log is replayed, and bounds how many wait", async () => {
    const it = await worldWith(press());
    await started(it, 3);
    const replayed = emptyState();
    for (const recorded of it.recorded) applyEvent(replayed, recorded);
    expect(replayed.runs).toEqual(it.state.runs);
    await started(it, schedulerLimits.groupQueueMax - 2);
    const before = it.recorded.length;
    await expect(it.start("flow")).rejects.toMatchObject({ code: "GROUP_QUEUE_FULL" });
    expect(it.recorded.length).toBe(before);
    expect((await it.start("flow", "", { press: "p2" })).run).toBeTruthy();
  });

  it.each([
    ['group: ""', "RESOURCE_INVALID"],
    ['group: "${{ inputs.pres }}"', "press"],
    ['group: "${{ steps.a.output }}"', "EXPRESSION_INVALID"],
    ["group: x, max: 0", "RESOURCE_INVALID"],
    ["group: x, overflow: wait", "queue, skip, replace"],
    ["max: 1", "RESOURCE_INVALID"],
  ])("is refused when it is wrong: %s", async (keys, message) => {
    await expect(worldWith(flow(keys))).rejects.toThrow(message);
  });

  it("refuses a start whose group cannot be computed", async () => {
    const it = await worldWith(flow('group: "${{ event.topic[1] }}"'));
    await expect(it.start("flow")).rejects.toMatchObject({ code: "INPUT_INVALID" });
    const long = await worldWith(press());
    const start = long.start("flow", "", { press: "p".repeat(300) });
    await expect(start).rejects.toMatchObject({ code: "INPUT_INVALID" });
  });
});
