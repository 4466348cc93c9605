import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideReconcile } from "../../src/scheduler/decide-attempt.ts";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { decidePause, decideResume } from "../../src/scheduler/decide-pause.ts";
import { decideReports } from "../../src/scheduler/decide-reports.ts";
import { decideSkip } from "../../src/scheduler/decide-skip.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { createWorld, reportsOf, worldWith } from "./world.ts";

const chain = `kind: workflow
name: chain
steps:
  - { id: a, run: "true" }
  - { id: b, depends: [a], run: "true", retry: { limit: 1, delay: 1s } }
  - { id: c, depends: [b], run: "true" }
`;

const fan = `kind: workflow
name: fan
timeout: 1m
steps:
  - { id: all, nodes: { select: 'node.labels.role == "press"', count: all }, run: "true" }
  - { id: two, depends: [all], nodes: { count: 2 }, run: "true" }
`;

/** A key of every sort, so that replaying is tried on them all. */
const rich = `kind: workflow
name: rich
on: { schedule: [{ cron: "* * * * *", overlap: queue }] }
timeout: 5s
steps:
  - { id: a, run: "true", continue_on_failure: true }
  - { id: b, depends: "a.failed", run: "true", retry: { limit: 2, delay: 1s, backoff: 2, move: true } }
  - { id: c, depends: "a.succeeded || b", if: "steps.a.outcome == 'succeeded'", run: "true" }
  - { id: f, for_each: [1, 2, 3, 4], matrix: { x: [1, 2] }, max_concurrent: 2, run: "true" }
  - { id: g, nodes: { count: all, max_concurrent: 1, quorum: 50%, max_failures: 1 }, run: "true" }
  - { id: h, run: "true", on_disconnect: move, lost_after: 1s }
  - { id: i, nodes: { count: 2 }, run: "true", on_disconnect: fail, lost_after: 1s }
  - { id: j, sleep: 2s }
  - { id: k, run: "true", priority: 3 }
on_failure:
  - { id: d, run: "true" }
finally:
  - { id: e, run: "true" }
`;

/** Now and then a node goes away, or comes back. */
async function comeAndGo(it: Awaited<ReturnType<typeof worldWith>>, pick: number): Promise<void> {
  const node = pick % 2 === 0 ? "node-a" : "node-b";
  const known = it.state.fleet.nodes.get(node);
  if (known?.state === "disconnected" && pick % 3 === 0) {
    await it.record({ $case: "nodeConnected", value: { node, facts: known.facts } });
  } else if (known?.state === "connected" && pick % 7 === 0) {
    await it.record({ $case: "nodeDisconnected", value: { node, reason: "silent" } });
  }
}

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };

describe("scheduling", () => {
  it("runs a chain step by step and ends the run", async () => {
    const it = await worldWith(chain);
    const { run } = await it.start("chain");
    expect(it.open()).toEqual(["a[0]#1@node-a"]);
    await it.finish(run, "a");
    expect(it.open()).toEqual(["b[0]#1@node-a"]);
    await it.finish(run, "b");
    await it.finish(run, "c");
    expect(it.state.runs.byId.get(run)?.state).toBe("succeeded");
    expect(it.open()).toEqual([]);
  });

  it("records the plan of a step that has to wait, and none of one that begins at once", async () => {
    const it = await worldWith(chain, { "node-a": {} });
    const began = [];
    for (let run = 0; run < 5; run++) {
      const from = it.recorded.length;
      await it.start("chain");
      began.push(it.recorded.slice(from).map(({ event }) => event.$case));
    }
    const atOnce = ["runStarted", "attemptScheduled"];
    expect(began).toEqual([atOnce, atOnce, atOnce, atOnce, ["runStarted", "stepPlanned"]]);
  });

  it("tries a failed step again after its delay, then fails the run and skips what depended on it", async () => {
    const it = await worldWith(chain);
    const { run } = await it.start("chain");
    await it.finish(run, "a");
    await it.finish(run, "b", failed);
    await it.pass(500);
    expect(it.open()).toEqual([]);
    await it.pass(600);
    expect(it.open()).toEqual(["b[0]#2@node-a"]);
    await it.finish(run, "b", failed);
    expect(it.stateOf(run)).toEqual({ a: "succeeded", b: "failed", c: "skipped" });
    expect(it.state.runs.byId.get(run)).toMatchObject({
      state: "failed",
      reason: "step b: STEP_EXIT no",
    });
  });

  it("does not count a node's interruption as the step's failure", async () => {
    const it = await worldWith(chain);
    const { run } = await it.start("chain");
    for (let time = 0; time < 3; time++) {
      await it.finish(run, "a", { ...failed, code: "NODE_INTERRUPTED" });
      await it.pass(300);
    }
    expect(it.open()).toEqual(["a[0]#4@node-a"]);
    await it.finish(run, "a");
    expect(it.stateOf(run)["a"]).toBe("succeeded");
  });

  it("fans out over every node that the selector picks, and over as many as asked", async () => {
    const it = await worldWith(fan, {
      "node-a": { role: "press" },
      "node-b": {},
      "node-c": { role: "press" },
    });
    const { run } = await it.start("fan");
    expect(it.open()).toEqual(["all[0]#1@node-a", "all[1]#1@node-c"]);
    await it.finish(run, "all", {}, 0);
    expect(it.stateOf(run)["all"]).toBe("running");
    await it.finish(run, "all", {}, 1);
    expect(it.open()).toHaveLength(2);
    expect(new Set(it.open().map((open) => open.split("@")[1])).size).toBe(2);
  });

  it("waits for a node that fits, and places when it comes", async () => {
    const it = await worldWith(fan, { "node-b": {} });
    const { run } = await it.start("fan");
    expect(it.open()).toEqual([]);
    await it.addNode("node-late", { role: "press" });
    expect(it.open()).toEqual(["all[0]#1@node-late"]);
    expect(it.state.runs.byId.get(run)?.state).toBe("running");
  });

  it("never gives a node more than its slots, and fills a slot as soon as it is free", async () => {
    const it = createWorld(chain);
    await it.apply();
    await it.addNode("node-a", {}, 2);
    const runs = await Promise.all([1, 2, 3].map(() => it.start("chain")));
    expect(it.open()).toHaveLength(2);
    await it.finish(runs[0]?.run as string, "a");
    expect(it.open()).toHaveLength(2);
  });

  it("ends a run that lasts too long, and frees its nodes", async () => {
    const it = await worldWith(fan, { "node-a": { role: "press" } });
    const { run } = await it.start("fan");
    await it.pass(59_000);
    expect(it.state.runs.byId.get(run)?.state).toBe("running");
    await it.pass(1_000);
    expect(it.state.runs.byId.get(run)).toMatchObject({ state: "failed" });
    expect(it.state.runs.byId.get(run)?.reason).toContain("RUN_TIMEOUT");
    expect(it.open()).toEqual([]);
  });

  it("starts one run for an idempotency key, however often it is asked", async () => {
    const it = await worldWith(chain);
    const first = await it.start("chain", "key");
    const again = await it.start("chain", "key");
    expect(again).toEqual({ run: first.run, existing: true });
    expect(it.state.runs.byId.size).toBe(1);
  });

  it("refuses unknown workflows and unknown inputs, and records nothing", async () => {
    const it = await worldWith(chain);
    const before = it.recorded.length;
    await expect(it.start("chian")).rejects.toMatchObject({ code: "WORKFLOW_UNKNOWN" });
    await expect(it.start("chain", "", { x: 1 })).rejects.toMatchObject({ code: "INPUT_INVALID" });
    expect(it.recorded.length).toBe(before);
  });
});

describe("what nodes report", () => {
  it("is ignored when it comes again, late, or from a node that does not own the attempt", async () => {
    const it = await worldWith(chain);
    const { run } = await it.start("chain");
    const attempt = { run, step: "a", instance: 0, attempt: 1 };
    const value = {
      outcome: "succeeded",
      code: "",
      exit: 0,
      message: "",
      outputJson: "",
      usage: undefined,
    };
    const event = { seq: 1, atMs: 1, attempt, event: { $case: "finished" as const, value } };
    expect(decideReports(it.state, reportsOf("node-x", [event])).events).toEqual([]);
    expect(decideReports(it.state, reportsOf("node-a", [event, event])).events).toHaveLength(1);
    await it.finish(run, "a");
    expect(decideReports(it.state, reportsOf("node-a", [event])).events).toEqual([]);
    const old = { ...event, attempt: { ...attempt, attempt: 7 } };
    expect(decideReports(it.state, reportsOf("node-a", [old])).events).toEqual([]);
  });

  it("is reconciled: lost is lost, never taken is sent again, superseded is given up, the rest goes on", async () => {
    const it = await worldWith(chain);
    const first = await it.start("chain");
    const second = await it.start("chain");
    const held = { run: first.run, step: "a", instance: 0, attempt: 1 };
    const gone = { run: first.run, step: "a", instance: 0, attempt: 9 };
    await it.record({ $case: "attemptAccepted", value: { attempt: held } });
    const both = decideReconcile(it.state.runs, "node-a", [
      { attempt: held, state: "running" },
      { attempt: gone, state: "running" },
    ]);
    expect(both.events).toEqual([]);
    expect(both.value.superseded).toEqual([gone]);
    expect(both.value.resend).toMatchObject([{ run: second.run, attempt: 1 }]);
    const nothing = decideReconcile(it.state.runs, "node-a", []);
    expect(nothing.events).toMatchObject([
      { $case: "attemptEnded", value: { result: { code: "NODE_LOST" } } },
    ]);
  });
});

describe("the state", () => {
  it("is the same when the log is replayed, whatever happened", async () => {
    const outcome = fc.constantFrom({}, failed, { ...failed, code: "NODE_INTERRUPTED" });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), outcome, fc.nat(2000)), { maxLength: 40 }),
        async (moves) => {
          const it = await worldWith(`${chain}---\n${fan}---\n${rich}`, {
            "node-a": { role: "press" },
            "node-b": { role: "press" },
          });
          await it.start("chain");
          await it.start("fan");
          await it.start("rich");
          for (const [pick, result, ms] of moves) {
            await it.pass(pick % 5 === 0 ? 30 * ms : ms);
            await comeAndGo(it, pick);
            if (pick % 11 === 0) {
              const cancel = { run: `run${(pick % 3) + 1}`, hard: pick % 2 === 0, actor: "test" };
              await it.writer.decide(({ runs }) => decideCancel(runs, cancel));
            }
            const verbed = `run${(pick % 3) + 1}`;
            if (pick % 5 === 0) {
              const asked = { run: verbed, reason: "", actor: "test" };
              const verb = pick % 2 === 0 ? decidePause : decideResume;
              await it.writer.decide(({ runs }) => verb(runs, asked));
            }
            if (pick % 13 === 0) {
              const step = it.runOf(verbed).steps.keys().next().value as string;
              const skip = { run: verbed, step, reason: "test", actor: "test" };
              const role = "operator" as const;
              await it.writer.decide((all) => decideSkip(all, { ...skip, role })).catch(() => {});
            }
            if (it.open().length === 0) continue;
            const active = [...it.state.runs.onNode.values()].flatMap((instances) => [
              ...instances,
            ]);
            const chosen = active[pick % Math.max(1, active.length)];
            if (chosen !== undefined)
              await it.finish(chosen.run, chosen.step, result, chosen.instance);
          }
          const replayed = emptyState();
          for (const recorded of it.recorded) applyEvent(replayed, recorded);
          // Compiled workflows hold functions, which are never equal; they follow from the definitions.
          const comparable = ({ catalogue, ...rest }: typeof replayed) => [rest, catalogue.current];
          expect(comparable(replayed)).toEqual(comparable(it.state));
        },
      ),
      { numRuns: 60 },
    );
  });

  it("records no transition of a step or attempt twice", async () => {
    const it = await worldWith(chain);
    const { run } = await it.start("chain");
    for (const step of ["a", "b", "c"]) await it.finish(run, step);
    const keys = it.recorded.map(({ event }) => JSON.stringify(event));
    expect(new Set(keys).size).toBe(keys.length);
  });
});
