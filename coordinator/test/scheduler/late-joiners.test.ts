import { describe, expect, it } from "vitest";
import { decideCordon, decideUncordon } from "../../src/fleet/decide-cordon.ts";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };

const flow = (nodes: string, more = "") => `kind: workflow
name: flow
steps:
  - { id: all, nodes: { count: all, ${nodes} }, run: "true"${more} }
`;

const extensions = ({ recorded }: Awaited<ReturnType<typeof worldWith>>) =>
  recorded.filter(({ event }) => event.$case === "stepExtended").length;

describe("a node that comes while a step on all nodes goes on", () => {
  it("joins it where the step takes late joiners, and not where it does not", async () => {
    for (const [setting, open] of [
      ["late_joiners: true", ["all[0]#1@node-a", "all[1]#1@node-b"]],
      ["late_joiners: false", ["all[0]#1@node-a"]],
    ] as const) {
      const it = await worldWith(flow(setting));
      await it.start("flow");
      await it.addNode("node-b");
      expect(it.open()).toEqual(open);
    }
  });

  it("is waited for, and counts for quorum and max_failures", async () => {
    const it = await worldWith(flow("late_joiners: true, quorum: 50%"), { "node-a": {} });
    const { run } = await it.start("flow");
    await it.addNode("node-b");
    await it.finish(run, "all", failed, 0);
    expect(it.runOf(run).state).toBe("running");
    await it.finish(run, "all", {}, 1);
    expect(it.runOf(run).state).toBe("succeeded");
    const other = await worldWith(flow("late_joiners: true, max_failures: 0"), { "node-a": {} });
    const { run: strict } = await other.start("flow");
    await other.addNode("node-b");
    await other.finish(strict, "all", failed, 1);
    expect(other.runOf(strict).state).toBe("failed");
  });

  it("has its turn after the others where so many work at once", async () => {
    const it = await worldWith(flow("late_joiners: true, max_concurrent: 1"), {
      "node-a": {},
      "node-b": {},
    });
    const { run } = await it.start("flow");
    await it.addNode("node-c");
    expect(it.open()).toEqual(["all[0]#1@node-a"]);
    await it.finish(run, "all", {}, 0);
    await it.finish(run, "all", {}, 1);
    await it.addNode("node-d");
    expect(it.open()).toEqual(["all[2]#1@node-c"]);
    await it.finish(run, "all", {}, 2);
    expect(it.open()).toEqual(["all[3]#1@node-d"]);
    await it.finish(run, "all", {}, 3);
    expect(it.runOf(run).state).toBe("succeeded");
  });

  it("joins once, also when it goes away and comes back", async () => {
    const it = await worldWith(flow("late_joiners: true"));
    const { run } = await it.start("flow");
    const facts = it.state.fleet.nodes.get("node-a")?.facts;
    await it.addNode("node-b");
    await it.finish(run, "all", {}, 1);
    for (const node of ["node-a", "node-b"]) {
      await it.record({ $case: "nodeDisconnected", value: { node, reason: "silent" } });
      await it.record({ $case: "nodeConnected", value: { node, facts } });
    }
    expect(extensions(it)).toBe(1);
  });

  it("joins when it was away or cordoned before, not when it does not fit", async () => {
    const select = `select: 'node.labels.kind == "press"'`;
    const press = { kind: "press" };
    const it = await worldWith(flow(`late_joiners: true, ${select}`), {
      "node-a": press,
      "node-b": press,
    });
    const cordon = { node: "node-b", reason: "", actor: "test" };
    await it.writer.decide(({ fleet }) => decideCordon(fleet, cordon));
    await it.start("flow");
    await it.addNode("node-c", { kind: "lathe" });
    expect(it.open()).toEqual(["all[0]#1@node-a"]);
    await it.writer.decide(({ fleet }) => decideUncordon(fleet, cordon));
    expect(it.open()).toEqual(["all[0]#1@node-a", "all[1]#1@node-b"]);
  });

  it("comes too late for a step that has ended, or whose run is being ended", async () => {
    const it = await worldWith(
      `${flow("late_joiners: true")}  - { id: last, depends: [all], run: "true" }\n`,
    );
    const { run } = await it.start("flow");
    await it.finish(run, "all");
    await it.addNode("node-b");
    const { run: ending } = await it.start("flow");
    await it.writer.decide(({ runs }) =>
      decideCancel(runs, { run: ending, hard: false, actor: "test" }),
    );
    await it.addNode("node-c");
    expect(extensions(it)).toBe(0);
    expect(it.state.runs.joined.size).toBe(0);
  });

  it("is the same after a restart", async () => {
    const it = await worldWith(flow("late_joiners: true, max_concurrent: 1"));
    await it.start("flow");
    await it.addNode("node-b");
    const replayed = emptyState();
    for (const recorded of it.recorded) applyEvent(replayed, recorded);
    expect(replayed.runs).toEqual(it.state.runs);
  });

  it.each(["count: 2", "count: 1"])("means nothing beside %s", async (count) => {
    const text = flow("late_joiners: true").replace("count: all", count);
    await expect(worldWith(text)).rejects.toThrow("`count` is not `all`");
  });
});
