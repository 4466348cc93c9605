import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { decidePause, decideResume } from "../../src/scheduler/decide-pause.ts";
import { instancesOf } from "../../src/scheduler/queues.ts";
import { createWorld, worldWith } from "./world.ts";

const flow = `kind: workflow
name: flow
timeout: 1m
steps:
  - { id: a, run: "true", retry: { limit: 3, delay: 5s } }
  - { id: b, depends: [a], run: "true" }
  - { id: c, for_each: [1, 2, 3], max_concurrent: 1, run: "true" }
finally:
  - { id: sweep, run: "true" }
`;

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };
type World = Awaited<ReturnType<typeof worldWith>>;

const pause = (it: World, run: string, reason = "") =>
  it.writer.decide(({ runs }) => decidePause(runs, { run, reason, actor: "ann" }));
const resume = (it: World, run: string) =>
  it.writer.decide(({ runs }) => decideResume(runs, { run, actor: "ann" }));

/** Attempts in the order in which a node with one slot gets them, until none is left. */
async function orderOn(it: World, instances: number): Promise<string[]> {
  const order: string[] = [];
  while (order.length < instances) {
    const [next] = it.state.runs.onNode.get("node-a") ?? [];
    if (next === undefined) break;
    order.push(`${next.run} ${next.step}[${next.instance}]`);
    await it.finish(next.run, next.step, {}, next.instance);
  }
  return order;
}

describe("a paused run", () => {
  it("begins nothing, while what runs of it goes on to its end", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    expect(await pause(it, run, "machine is being cleaned")).toBe(true);
    await it.finish(run, "a");
    await it.finish(run, "c");
    expect(it.open()).toEqual([]);
    expect(it.stateOf(run)).toMatchObject({ a: "succeeded", b: "waiting", c: "running" });
    expect(it.runOf(run)).toMatchObject({
      state: "running",
      pause: { actor: "ann", reason: "machine is being cleaned" },
    });
    await it.addNode("node-b");
    expect(it.open()).toEqual([]);
    expect(await resume(it, run)).toBe(true);
    expect(it.open()).toEqual(["b[0]#1@node-a", "c[1]#1@node-b"]);
  });

  it("leaves the queues, so that others go before it, and comes back in its rank", async () => {
    const it = createWorld(flow);
    await it.apply();
    await it.addNode("node-a", {}, 1);
    const start = async () => {
      await it.pass(10);
      return (await it.start("flow")).run;
    };
    const [first, second, third] = [await start(), await start(), await start()];
    await pause(it, second);
    const queued = [...it.state.runs.queues.classes.values()].flatMap(instancesOf);
    expect(queued.map(({ run }) => run)).not.toContain(second);
    await it.finish(first, "a");
    expect(it.open()).toEqual(["c[0]#1@node-a"]);
    await resume(it, second);
    const order = (await orderOn(it, 30)).map((line) => line.split(" ")[0]);
    // Of the first run what waited before; the second is before the third again.
    expect(order.indexOf(second)).toBeLessThan(order.indexOf(third));
    expect([first, second, third].map((run) => it.runOf(run).state)).toEqual([
      "succeeded",
      "succeeded",
      "succeeded",
    ]);
  });

  it("has neither its timeout nor the delay of a retry pass", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await it.pass(10_000);
    await it.finish(run, "a", failed);
    await it.pass(2_000);
    await pause(it, run);
    await it.pass(3_600_000);
    expect(it.open()).toEqual(["c[0]#1@node-a"]);
    await resume(it, run);
    await it.pass(2_999);
    expect(it.open()).toEqual(["c[0]#1@node-a"]);
    await it.pass(1);
    expect(it.open()).toEqual(["a[0]#2@node-a", "c[0]#1@node-a"]);
    // 15 s of its minute have passed.
    await it.pass(44_999);
    expect(it.runOf(run).stopOutcome).toBeNull();
    await it.pass(1);
    expect(it.runOf(run)).toMatchObject({ stopOutcome: "failed" });
  });

  it("begins the delay of a retry that fell into the pause when it goes on", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await pause(it, run);
    await it.pass(1_000);
    await it.finish(run, "a", failed);
    await it.pass(60_000);
    await resume(it, run);
    await it.pass(4_999);
    expect(it.open()).toEqual(["c[0]#1@node-a"]);
    await it.pass(1);
    expect(it.open()).toContain("a[0]#2@node-a");
  });

  it("takes no harm from a clock that steps back", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    const { dueMs } = it.runOf(run);
    await pause(it, run);
    await it.pass(-5_000);
    await resume(it, run);
    expect(it.runOf(run).dueMs).toBe(dueMs);
  });

  it("gives its finally steps no timeout that its steps had", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    for (const step of ["a", "b"]) await it.finish(run, step);
    for (const at of [0, 1]) await it.finish(run, "c", {}, at);
    await pause(it, run);
    await it.finish(run, "c", {}, 2);
    expect(it.open()).toEqual([]);
    await resume(it, run);
    await it.pass(120_000);
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
    await it.finish(run, "sweep");
    expect(it.runOf(run)).toMatchObject({ state: "succeeded", pause: null });
  });

  it("bears the absence of a node that waits for it anew when it goes on", async () => {
    const pinned = `kind: workflow
name: pinned
steps: [{ id: a, run: "true", nodes: { count: all }, on_disconnect: fail, lost_after: 5s }]
`;
    const it = await worldWith(pinned);
    const busy: string[] = [];
    for (let at = 0; at < 4; at++) busy.push((await it.start("pinned")).run);
    const { run } = await it.start("pinned");
    await pause(it, run);
    await it.record({ $case: "nodeDisconnected", value: { node: "node-a", reason: "" } });
    await it.pass(60_000);
    expect(busy.map((id) => it.runOf(id).state)).toEqual(Array(4).fill("failed"));
    expect(it.runOf(run).state).toBe("running");
    await resume(it, run);
    await it.pass(4_999);
    expect(it.runOf(run).state).toBe("running");
    await it.pass(1);
    expect(it.runOf(run)).toMatchObject({ state: "failed" });
    expect(it.state.runs.queues.pinned.size).toBe(0);
  });

  it("keeps its on_failure steps for when its steps have ended", async () => {
    const it = await worldWith(`kind: workflow
name: careful
steps: [{ id: a, run: "true" }]
on_failure: [{ id: tell, run: "true" }]
`);
    const { run } = await it.start("careful");
    await pause(it, run);
    await resume(it, run);
    expect(it.stateOf(run)).toEqual({ a: "running", tell: "waiting" });
    await it.finish(run, "a", failed);
    expect(it.open()).toEqual(["tell[0]#1@node-a"]);
  });

  it("can be cancelled, and does what is to be done finally then", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await pause(it, run);
    await it.finish(run, "a", failed);
    await it.writer.decide(({ runs }) => decideCancel(runs, { run, hard: false, actor: "bob" }));
    expect(it.open()).toEqual(["sweep[0]#1@node-a"]);
    expect(it.runOf(run).pause).toBeNull();
    await it.finish(run, "sweep");
    expect(it.runOf(run).state).toBe("cancelled");
    const { queues, timers } = it.state.runs;
    expect([queues.classes.size, queues.delayed.size, timers.size]).toEqual([0, 0, 0]);
  });

  it("ends when its last step does, paused or not", async () => {
    const it = await worldWith(`kind: workflow
name: one
steps: [{ id: a, run: "true" }]
`);
    const { run } = await it.start("one");
    await pause(it, run);
    await it.finish(run, "a");
    expect(it.runOf(run)).toMatchObject({ state: "succeeded", pause: null });
    expect(await resume(it, run)).toBe(false);
  });
});

describe("pausing and resuming", () => {
  it("change nothing when there is nothing to change, and know every run", async () => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    expect(await resume(it, run)).toBe(false);
    await pause(it, run);
    const before = it.recorded.length;
    expect(await pause(it, run)).toBe(false);
    expect(it.recorded.length).toBe(before);
    await it.writer.decide(({ runs }) => decideCancel(runs, { run, hard: true, actor: "ann" }));
    expect(await pause(it, run)).toBe(false);
    await expect(pause(it, "no-run")).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
    await expect(resume(it, "no-run")).rejects.toMatchObject({ code: "RUN_UNKNOWN" });
  });

  it.each([
    ["a line break", "one\ntwo"],
    ["an escape sequence", "\u001b[2J"],
    ["a bidirectional override", "abc\u202edef"],
    ["half a surrogate pair", "\ud800"],
    ["more characters than are allowed", "x".repeat(201)],
  ])("refuse a reason with %s", async (_, reason) => {
    const it = await worldWith(flow);
    const { run } = await it.start("flow");
    await expect(pause(it, run, reason)).rejects.toMatchObject({ code: "USAGE" });
    expect(it.runOf(run).pause).toBeNull();
  });

  it("any number of times and of any runs leave the order as it was", async () => {
    const act = fc.record({ at: fc.nat(3), pauses: fc.boolean() });
    const many = `kind: workflow
name: many
steps:
  - { id: a, run: "true", for_each: [1, 2] }
  - { id: b, run: "true", nodes: { count: all } }
`;
    const play = async (acts: readonly { at: number; pauses: boolean }[]) => {
      const it = createWorld(many);
      await it.apply();
      await it.addNode("node-a", {}, 1);
      const runs: string[] = [];
      for (let at = 0; at < 4; at++) {
        await it.pass(1_000);
        runs.push((await it.start("many")).run);
      }
      for (const { at, pauses } of acts) {
        const run = runs[at] as string;
        await (pauses ? pause(it, run) : resume(it, run));
      }
      for (const run of runs) await resume(it, run);
      const order = await orderOn(it, 100);
      expect(it.state.runs.queues.classes.size + it.state.runs.queues.pinned.size).toBe(0);
      return order.map((line) => line.split(" ")[0]);
    };
    const untouched = await play([]);
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
        expect(await play(acts)).toEqual(untouched);
      }),
      { numRuns: 30 },
    );
  });
});
