import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { finishedView, historyVersion } from "../../src/history/history.ts";
import { historyLimits } from "../../src/history/limits.ts";
import { runView } from "../../src/history/run-view.ts";
import { createMemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { replay } from "../../src/state/replay.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { signer } from "../log/samples.ts";
import { createWorld } from "../scheduler/world.ts";
import { dump } from "./dump.ts";

const workflows = `
kind: workflow
name: chain
steps:
  - { id: a, run: "true", retry: { limit: 1, delay: 100ms } }
  - { id: b, depends: [a], run: "true" }
finally:
  - { id: note, run: "true" }
---
kind: workflow
name: fan
inputs: { size: { type: number, default: 3 } }
steps:
  - { id: each, for_each: "\${{ [1, 2, 3] }}", run: "true" }
`;

const adapters = {
  sqlite: () => {
    const path = temporaryPath("log.db");
    return () => openSqliteLog({ path, signer });
  },
  memory: () => {
    const disk = createMemoryDisk();
    return () => openMemoryLog({ signer, disk });
  },
};

describe.each(Object.entries(adapters))("the table of finished runs over %s", (_, create) => {
  it("has the same rows, byte for byte, when it is made anew from the log", async () => {
    const outcome = fc.constantFrom("succeeded", "failed", "interrupted");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), outcome, fc.nat(500)), { minLength: 5, maxLength: 30 }),
        async (moves) => {
          const log = create()();
          const world = createWorld(workflows, log);
          await play(world, moves);
          const rows = dump(log.history);
          expect(rows).toHaveLength(world.recorded.filter(isEnd).length);
          expect(log.history.begin(historyVersion + 1)).toBe(0);
          expect(dump(log.history)).toEqual([]);
          log.history.begin(historyVersion);
          replay(log);
          expect(dump(log.history)).toEqual(rows);
          await log.close();
        },
      ),
      { numRuns: 15 },
    );
  });

  it("shows a run as it was when it ended", async () => {
    const log = create()();
    const world = createWorld(workflows, log);
    await world.apply();
    await world.addNode("node-a");
    const { run } = await world.start("fan", "key-1");
    await world.finish(run, "each", { outputJson: '{"n":1}' }, 0);
    await world.finish(run, "each", {}, 1);
    expect(log.history.find(run)).toBeNull();
    await world.finish(run, "each", { outcome: "failed", code: "STEP_EXIT", exit: 3 }, 2);
    const row = log.history.find(run);
    expect(row).toMatchObject({ workflow: "fan", state: "failed", idempotencyKey: "key-1" });
    if (row === null) return;
    expect(finishedView(row)).toEqual(runView(world.state, world.runOf(run)));
    expect(finishedView(row).steps[0]?.instances[0]?.outputJson).toBe('{"n":1}');
    expect(log.history.startedWith("key-1")).toBe(run);
    expect(log.history.startedWith("")).toBeNull();
    await log.close();
  });

  it("goes on with an old table where it ended, and with none from the beginning", async () => {
    const open = create();
    const log = open();
    log.history.begin(historyVersion);
    const world = createWorld(workflows, log);
    await play(world, [[0, "succeeded", 0]]);
    const rows = dump(log.history);
    expect(log.history.begin(historyVersion)).toBe(log.size);
    await log.close();
    const again = open();
    expect(again.history.begin(historyVersion)).toBe(again.size);
    expect(dump(again.history)).toEqual(rows);
    await again.close();
  });

  it("keeps what a call cost that was out when its run ended", async () => {
    const log = create()();
    const world = createWorld(workflows, log);
    await world.apply();
    await world.addNode("node-a");
    const { run } = await world.start("chain");
    const attempt = { run, step: "a", instance: 0, attempt: 1 };
    const call = (id: string) => ({
      $case: "callIntended" as const,
      value: {
        call: id,
        attempt,
        node: "node-a",
        token: "",
        tokenSeq: 0,
        service: "desk",
        method: "GET",
        path: "/",
        bodyHash: new Uint8Array(),
        reservedNanoUsd: 10,
        price: undefined,
        holds: [{ account: `run/${run}`, window: "run" }],
      },
    });
    const settled = (id: string, actualNanoUsd: number) => ({
      $case: "callSettled" as const,
      value: {
        call: id,
        actualNanoUsd,
        status: 200,
        bytesOut: 0,
        bytesIn: 0,
        code: "",
        by: "",
        usage: undefined,
        bodyHash: new Uint8Array(),
      },
    });
    await world.record(call("one"), call("two"), call("three"), settled("one", 7));
    const cancel = { run, hard: true, actor: "test" };
    await world.writer.decide(({ runs }) => decideCancel(runs, cancel));
    const charges = () =>
      log.history.find(run)?.charges.map((it) => [it.call, it.state, it.nanoUsd]);
    expect(charges()).toEqual([
      ["one", "posted", 7],
      ["two", "pending", 10],
      ["three", "pending", 10],
    ]);
    const uncertain = {
      $case: "callUncertain" as const,
      value: { call: "two", reason: "", status: 0, bytesOut: 0, bytesIn: 0 },
    };
    await world.record(settled("three", 4), uncertain);
    const ended = [
      ["one", "posted", 7],
      ["two", "uncertain", 10],
      ["three", "posted", 4],
    ];
    expect(charges()).toEqual(ended);
    log.history.begin(historyVersion + 1);
    log.history.begin(historyVersion);
    replay(log);
    expect(charges()).toEqual(ended);
    await log.close();
  });
});

describe("the view of a run", () => {
  it("leaves outputs out that go beyond what is kept of a run, and says so", async () => {
    const world = createWorld(workflows);
    await world.apply();
    await world.addNode("node-a");
    const { run } = await world.start("fan");
    const half = JSON.stringify("x".repeat(historyLimits.outputBytesMax / 2));
    for (const instance of [0, 1, 2]) {
      await world.finish(run, "each", { outputJson: instance === 2 ? "1" : half }, instance);
    }
    const instances = runView(world.state, world.runOf(run)).steps[0]?.instances ?? [];
    expect(instances.map((it) => [it.outputJson.length, it.outputOmitted])).toEqual([
      [half.length, false],
      [0, true],
      [1, false],
    ]);
  });
});

type World = ReturnType<typeof createWorld>;

function isEnd({ event }: World["recorded"][number]): boolean {
  return event.$case === "runEnded";
}

/** Runs of both workflows, some of whose attempts end as the moves say, some of which are cancelled. */
async function play(
  world: World,
  moves: readonly (readonly [number, string, number])[],
): Promise<void> {
  await world.apply();
  await world.addNode("node-a");
  for (const [pick, outcome, ms] of moves) {
    await world.start(pick % 2 === 0 ? "chain" : "fan", pick % 3 === 0 ? `key-${pick}` : "");
    await world.pass(ms);
    if (pick % 7 === 0) {
      const run = [...world.state.runs.active.keys()][0] ?? "";
      const cancel = { run, hard: pick % 2 === 0, actor: "test" };
      if (run !== "") await world.writer.decide(({ runs }) => decideCancel(runs, cancel));
    }
    const active = [...world.state.runs.onNode.values()].flatMap((it) => [...it]);
    const chosen = active[pick % Math.max(1, active.length)];
    if (chosen === undefined) continue;
    const result = outcome === "interrupted" ? interrupted : { outcome };
    await world.finish(chosen.run, chosen.step, result, chosen.instance);
  }
}

const interrupted = { outcome: "failed", code: "NODE_INTERRUPTED" };
