import { describe, expect, it } from "vitest";
import { decideReports } from "../../src/scheduler/decide-reports.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { reportsOf, worldWith } from "./world.ts";

const flow = (keys: string) => `kind: workflow
name: flow
steps:
  - { id: a, ${keys} }
  - { id: b, depends: [a], run: "true" }
`;

const two = { "node-a": {}, "node-b": {} };
type World = Awaited<ReturnType<typeof worldWith>>;

const instance = (it: World, run: string, at = 0) => it.runOf(run).steps.get("a")?.instances[at];
const leave = (it: World, node: string) =>
  it.record({ $case: "nodeDisconnected", value: { node, reason: "silent" } });
const comeBack = (it: World, node: string) => {
  const facts = it.state.fleet.nodes.get(node)?.facts;
  return it.record({ $case: "nodeConnected", value: { node, facts } });
};

describe("a node that goes away", () => {
  it("keeps its attempt as long as it takes, unless the step says otherwise", async () => {
    const it = await worldWith(flow('run: "true"'), two);
    const { run } = await it.start("flow");
    await leave(it, instance(it, run)?.node as string);
    await it.pass(7 * 24 * 60 * 60_000);
    expect(instance(it, run)).toMatchObject({ state: "scheduled", attempt: 1 });
  });

  it("loses it to another node when the step may move, and is not heard about it any more", async () => {
    const it = await worldWith(
      flow('run: "true", on_disconnect: move, lost_after: 30s, retry: { limit: 1 }'),
      two,
    );
    const { run } = await it.start("flow");
    const first = instance(it, run)?.node as string;
    await leave(it, first);
    await it.pass(29_000);
    expect(instance(it, run)).toMatchObject({ state: "scheduled", node: first });
    await it.pass(1_000);
    await it.pass(1_000);
    const moved = instance(it, run);
    expect(moved).toMatchObject({ state: "scheduled", attempt: 2, interruptions: 1 });
    expect(moved?.node).not.toBe(first);
    const value = { outcome: "succeeded", code: "", exit: 0, message: "", outputJson: "" };
    const event = { $case: "finished" as const, value: { ...value, usage: undefined } };
    const attempt = { run, step: "a", instance: 0, attempt: 1 };
    const late = decideReports(it.state, reportsOf(first, [{ seq: 1, atMs: 1, attempt, event }]));
    expect(late.events).toEqual([]);
  });

  it("keeps it when it comes back in time", async () => {
    const it = await worldWith(flow('run: "true", on_disconnect: fail, lost_after: 30s'), two);
    const { run } = await it.start("flow");
    const node = instance(it, run)?.node as string;
    await leave(it, node);
    await it.pass(20_000);
    await comeBack(it, node);
    await it.pass(60_000);
    expect(instance(it, run)).toMatchObject({ state: "scheduled", attempt: 1 });
  });

  it("fails the step that is to fail, with its retries", async () => {
    const it = await worldWith(
      flow('run: "true", on_disconnect: fail, retry: { limit: 1, on: [NODE_DISCONNECTED] }'),
      two,
    );
    const { run } = await it.start("flow");
    for (const node of ["node-a", "node-b"]) await leave(it, node);
    await it.pass(60_000);
    expect(instance(it, run)).toMatchObject({ state: "queued", attempt: 1 });
    await comeBack(it, "node-b");
    expect(instance(it, run)).toMatchObject({ state: "scheduled", attempt: 2, node: "node-b" });
    await leave(it, "node-b");
    await it.pass(60_000);
    expect(it.stateOf(run)).toEqual({ a: "failed", b: "skipped" });
    expect(it.runOf(run).reason).toContain("NODE_DISCONNECTED");
  });

  it("does not hold up the step by what has not even begun on it", async () => {
    const keys =
      'run: "true", on_disconnect: fail, nodes: { count: all, max_concurrent: 1, quorum: 1 }';
    const it = await worldWith(flow(keys), two);
    const { run } = await it.start("flow");
    const [first, second] = [0, 1].map((at) => instance(it, run, at)?.pinned as string);
    await leave(it, second as string);
    await it.finish(run, "a", {}, 0);
    expect(instance(it, run, 0)?.node).toBe(first);
    expect(instance(it, run, 1)).toMatchObject({ state: "queued", attempt: 0 });
    await it.pass(60_000);
    expect(instance(it, run, 1)).toMatchObject({
      state: "failed",
      result: { code: "NODE_DISCONNECTED" },
    });
    expect(it.stateOf(run)).toEqual({ a: "succeeded", b: "running" });
  });

  it.each([
    ['run: "true", lost_after: 1s', "waits for its node"],
    ['run: "true", on_disconnect: move, nodes: { count: all }', "cannot move"],
    ["call: { service: s, path: / }, on_disconnect: fail", "means nothing in a call step"],
    ["sleep: 1s, retry: { limit: 1 }", "means nothing in a sleep step"],
    ["sleep: soon", "must be a duration"],
  ])("is refused settings without effect: %s", async (keys, message) => {
    await expect(worldWith(flow(keys))).rejects.toThrow(message);
  });
});

describe("the coordinator's own steps", () => {
  it("end a call that takes longer than its timeout", async () => {
    const it = await worldWith(flow("call: { service: s, path: / }, timeout: 5s"));
    const { run } = await it.start("flow");
    await it.pass(4_900);
    expect(instance(it, run)?.state).toBe("scheduled");
    await it.pass(100);
    expect(instance(it, run)?.result?.code).toBe("STEP_TIMEOUT");
    expect(it.stateOf(run)).toEqual({ a: "failed", b: "skipped" });
  });

  it("sleep for their time, also over a restart", async () => {
    const it = await worldWith(flow("sleep: 1h"));
    const { run } = await it.start("flow");
    await it.pass(3_599_000);
    expect(it.stateOf(run)).toEqual({ a: "running", b: "waiting" });
    const restarted = emptyState();
    for (const recorded of it.recorded) applyEvent(restarted, recorded);
    const due = restarted.runs.byId.get(run)?.steps.get("a")?.instances[0]?.dueMs;
    expect(due).toBe(1_000_000 + 3_600_000);
    await it.pass(1_000);
    expect(it.stateOf(run)).toEqual({ a: "succeeded", b: "running" });
  });
});
