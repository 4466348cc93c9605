import { describe, expect, it } from "vitest";
import { decideCordon, decideDrain, decideUncordon } from "../../src/fleet/decide-cordon.ts";
import type { EnrolledNode } from "../../src/fleet/fleet.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const flow = (more = "") => `kind: workflow
name: flow
steps:
  - { id: a, run: "true"${more} }
`;

const asked = { reason: "", actor: "test" };
const cordon = ({ writer }: World, node: string) =>
  writer.decide(({ fleet }) => decideCordon(fleet, { ...asked, node }));
const uncordon = ({ writer }: World, node: string) =>
  writer.decide(({ fleet }) => decideUncordon(fleet, { ...asked, node }));
const drain = ({ writer }: World, node: string, deadlineMs: number) =>
  writer.decide(({ fleet }, nowMs) => decideDrain(fleet, { ...asked, node, deadlineMs }, nowMs));
const cordonOf = ({ state }: World, node: string) =>
  (state.fleet.nodes.get(node) as EnrolledNode).cordon;
const two = { "node-a": {}, "node-b": {} };

describe("a cordoned node", () => {
  it("is given no new work, and keeps what it has", async () => {
    const it = await worldWith(flow());
    const { run: before } = await it.start("flow");
    await cordon(it, "node-a");
    const { run: after } = await it.start("flow");
    expect(it.open()).toEqual(["a[0]#1@node-a"]);
    await it.finish(before, "a");
    expect([it.runOf(before).state, it.open()]).toEqual(["succeeded", []]);
    await uncordon(it, "node-a");
    expect(it.open()).toEqual(["a[0]#1@node-a"]);
    expect(it.stateOf(after)).toEqual({ a: "running" });
  });

  it("leaves the work to the others", async () => {
    const it = await worldWith(flow(), two);
    await cordon(it, "node-a");
    for (let at = 0; at < 4; at++) await it.start("flow");
    expect(new Set(it.open())).toEqual(new Set(["a[0]#1@node-b"]));
  });

  it("is left out of a step on all nodes; what is bound to it already waits for it", async () => {
    const it = await worldWith(
      flow(", nodes: { count: all, max_concurrent: 1 }, retry: { limit: 1 }"),
      two,
    );
    const { run: bound } = await it.start("flow");
    await cordon(it, "node-b");
    const { run: free } = await it.start("flow");
    await it.finish(bound, "a", {}, 0);
    await it.finish(free, "a", {}, 0);
    expect([it.runOf(bound).state, it.runOf(free).state]).toEqual(["running", "succeeded"]);
    expect(it.open()).toEqual([]);
    await uncordon(it, "node-b");
    expect(it.open()).toEqual(["a[1]#1@node-b"]);
  });

  it("lets a step begin that waits for as many nodes as it needs", async () => {
    const it = await worldWith(flow(", nodes: { count: 2 }"), two);
    await cordon(it, "node-b");
    await it.start("flow");
    expect(it.open()).toEqual([]);
    await uncordon(it, "node-b");
    expect(it.open()).toEqual(["a[0]#1@node-a", "a[1]#1@node-b"]);
  });

  it("is no other node for what avoids one", async () => {
    const it = await worldWith(flow(", retry: { limit: 2, move: true }"), two);
    const { run } = await it.start("flow");
    const node = it.open()[0]?.split("@")[1] as string;
    const other = node === "node-a" ? "node-b" : "node-a";
    await cordon(it, other);
    await it.finish(run, "a", { outcome: "failed", code: "STEP_EXIT", exit: 1 });
    expect(it.open()).toEqual([`a[0]#2@${node}`]);
  });

  it("frees what avoids a node when it is the last other one", async () => {
    const it = await worldWith(flow(", retry: { limit: 2, move: true }"));
    const { run } = await it.start("flow");
    await it.addNode("node-b", {}, 0);
    await it.finish(run, "a", { outcome: "failed", code: "STEP_EXIT", exit: 1 });
    expect(it.open()).toEqual([]);
    await cordon(it, "node-b");
    expect(it.open()).toEqual(["a[0]#2@node-a"]);
  });
});

describe("a drain", () => {
  it("is over at once where nothing runs, and else when the last attempt ends", async () => {
    const it = await worldWith(flow(), two);
    await drain(it, "node-b", 60_000);
    expect(cordonOf(it, "node-b")?.drainedMs).toBe(1_000_000);
    const { run } = await it.start("flow");
    await drain(it, "node-a", 60_000);
    expect(cordonOf(it, "node-a")?.drainedMs).toBe(0);
    await it.pass(10);
    await it.finish(run, "a");
    expect(cordonOf(it, "node-a")?.drainedMs).toBe(1_000_010);
    await it.pass(120_000);
    expect(it.recorded.filter(({ event }) => event.$case === "nodeDrained")).toHaveLength(2);
  });

  it("recalls what outlasts it, which runs elsewhere and loses no retry", async () => {
    const it = await worldWith(flow(", retry: { limit: 1, delay: 1s }"), { "node-a": {} });
    const { run } = await it.start("flow");
    await it.addNode("node-b");
    await drain(it, "node-a", 5_000);
    await it.pass(4_999);
    expect(it.open()).toEqual(["a[0]#1@node-a"]);
    await it.pass(1);
    expect(it.recorded.at(-1)?.event).toEqual({
      $case: "nodeDrained",
      value: { node: "node-a", recalled: [{ run, step: "a", instance: 0, attempt: 1 }] },
    });
    expect(it.runOf(run).steps.get("a")?.instances[0]).toMatchObject({
      state: "queued",
      result: { code: "NODE_DRAINED" },
    });
    await it.pass(250);
    expect(it.open()).toEqual(["a[0]#2@node-b"]);
    await it.finish(run, "a", { outcome: "failed", code: "STEP_EXIT", exit: 1 });
    await it.pass(1_000);
    expect(it.open()).toEqual(["a[0]#3@node-b"]);
  });

  it("lets what is bound to the node wait for it", async () => {
    const it = await worldWith(flow(", nodes: { count: all }"), two);
    const { run } = await it.start("flow");
    await drain(it, "node-a", 0);
    await it.pass(0);
    await it.pass(300);
    expect(it.open()).toEqual(["a[1]#1@node-b"]);
    await it.finish(run, "a", {}, 1);
    expect(it.runOf(run).state).toBe("running");
    await uncordon(it, "node-a");
    expect(it.open()).toEqual(["a[0]#2@node-a"]);
  });

  it("is given up when the node is uncordoned", async () => {
    const it = await worldWith(flow());
    await it.start("flow");
    await drain(it, "node-a", 1_000);
    await uncordon(it, "node-a");
    await it.pass(10_000);
    expect(it.open()).toEqual(["a[0]#1@node-a"]);
  });

  it("ends an attempt once, whatever else it is due for", async () => {
    const it = await worldWith(flow(", on_disconnect: fail, lost_after: 5s"));
    const { run } = await it.start("flow");
    await drain(it, "node-a", 5_000);
    await it.record({ $case: "nodeDisconnected", value: { node: "node-a", reason: "silent" } });
    await it.pass(6_000);
    const ends = it.recorded.filter(({ event }) => event.$case === "attemptEnded");
    expect(ends).toHaveLength(1);
    expect(it.runOf(run).state).toBe("running");
    expect(cordonOf(it, "node-a")?.drainedMs).toBe(1_006_000);
  });

  it("stands after a restart, with its deadline", async () => {
    const it = await worldWith(flow());
    await it.start("flow");
    await drain(it, "node-a", 5_000);
    const replayed = emptyState();
    for (const recorded of it.recorded) applyEvent(replayed, recorded);
    expect(replayed.runs.timers).toEqual(it.state.runs.timers);
    expect(replayed.runs.drains).toEqual(it.state.runs.drains);
    expect(replayed.fleet).toEqual(it.state.fleet);
  });
});
