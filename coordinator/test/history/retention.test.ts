import { describe, expect, it } from "vitest";
import { historyVersion } from "../../src/history/history.ts";
import { keepHistory } from "../../src/history/keep-history.ts";
import { historyLimits } from "../../src/history/limits.ts";
import type { HistoryRetention } from "../../src/history/retention.ts";
import { createMemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { replay } from "../../src/state/replay.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { chunk, signer } from "../log/samples.ts";
import { createWorld } from "../scheduler/world.ts";
import { dump } from "./dump.ts";

const workflow = `kind: workflow\nname: flow\nsteps:\n  - { id: a, run: "true" }\n`;
const hourMs = 60 * 60_000;
const unspanned = { firstSeq: 0, lastSeq: 0, endedMs: 0 };

const adapters = {
  sqlite: () => openSqliteLog({ path: temporaryPath("log.db"), signer }),
  memory: () => openMemoryLog({ signer, disk: createMemoryDisk() }),
};

/** Runs that ended an hour apart, the last of them now. */
async function setUp(open: () => ReturnType<typeof openMemoryLog>, count: number) {
  const log = open();
  log.history.begin(historyVersion);
  const world = createWorld(workflow, log);
  await world.apply();
  await world.addNode("node-a");
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    if (at > 0) await world.pass(hourMs);
    const { run } = await world.start("flow", `key-${at}`);
    await world.finish(run, "a");
    await log.stepLogs.append([chunk({ run })]);
    ids.push(run);
  }
  const nowMs = log.history.find(ids.at(-1) as string)?.endedMs as number;
  const kept = () => ids.filter((run) => log.history.find(run) !== null);
  const written = () =>
    ids.filter((run) => log.stepLogs.read(run, "", 0, { chunks: 1, bytes: 1e6 }).length > 0);
  /** As keepHistory does, without its pauses. */
  const removeAll = async (retention: HistoryRetention) => {
    for (let turns = 0; ; turns++) {
      expect(turns).toBeLessThan(1_000);
      const runs = log.history.over(retention, nowMs);
      if (runs.length === 0) return;
      const names = runs.map(({ run }) => run);
      if (!(await log.history.removeLogs(names))) continue;
      await world.record({ $case: "historyRemoved", value: { ...unspanned, runs: names } });
    }
  };
  return { log, world, ids, nowMs, kept, written, removeAll };
}

describe.each(Object.entries(adapters))("retention over %s", (_, open) => {
  it("removes runs beyond their age, with what they wrote, and no other", async () => {
    const it = await setUp(open, 5);
    await it.removeAll({ maxAgeMs: 2 * hourMs, maxRuns: 100 });
    expect(it.kept()).toEqual(it.ids.slice(2));
    expect(it.written()).toEqual(it.ids.slice(2));
    await it.log.close();
  });

  it("removes the runs that ended first beyond their number", async () => {
    const it = await setUp(open, 5);
    await it.removeAll({ maxAgeMs: 100 * hourMs, maxRuns: 2 });
    expect(it.kept()).toEqual(it.ids.slice(3));
    expect(it.written()).toEqual(it.ids.slice(3));
    await it.log.close();
  });

  it("leaves the ledger as it is, and the same rows when the table is made anew", async () => {
    const it = await setUp(open, 5);
    const before = it.log.size;
    await it.removeAll({ maxAgeMs: 100 * hourMs, maxRuns: 3 });
    const rows = dump(it.log.history);
    expect(rows).toHaveLength(3);
    expect([...it.log.entries(before + 1)].map(({ event }) => event)).toEqual([
      { $case: "historyRemoved", value: { ...unspanned, runs: it.ids.slice(0, 2) } },
    ]);
    it.log.history.begin(historyVersion + 1);
    it.log.history.begin(historyVersion);
    replay(it.log);
    expect(dump(it.log.history)).toEqual(rows);
    await it.log.close();
  });

  it("leaves nothing in memory of a run that is removed", async () => {
    const it = await setUp(open, 3);
    const { runs } = it.world.state;
    expect(runs.byId.size).toBe(3);
    await it.removeAll({ maxAgeMs: 100 * hourMs, maxRuns: 1 });
    expect([[...runs.byId.keys()], [...runs.ended.keys()]]).toEqual([[it.ids[2]], [it.ids[2]]]);
    expect(await it.world.start("flow", "key-0")).toMatchObject({ existing: false });
    expect(await it.world.start("flow", "key-2")).toMatchObject({ existing: true });
    await it.log.close();
  });

  it("lets an idempotency key go with its run", async () => {
    const it = await setUp(open, 2);
    await it.removeAll({ maxAgeMs: 100 * hourMs, maxRuns: 1 });
    expect(it.log.history.startedWith("key-0")).toBeNull();
    expect(it.log.history.startedWith("key-1")).toBe(it.ids[1]);
    await it.log.close();
  });
});

describe("retention in SQLite", () => {
  it("removes so much of what steps wrote at once and no more", async () => {
    const it = await setUp(adapters.sqlite, 2);
    const [first = "", second = ""] = it.ids;
    const many = Array.from({ length: historyLimits.chunksRemovedMax + 1 }, (_, at) =>
      chunk({ run: first, offset: at + 10 }),
    );
    await it.log.stepLogs.append(many);
    const over = () =>
      it.log.history.over({ maxAgeMs: hourMs, maxRuns: 1 }, it.nowMs).map(({ run }) => run);
    expect(await it.log.history.removeLogs(over())).toBe(false);
    expect(it.kept()).toEqual([first, second]);
    expect(it.log.stepLogs.read(first, "", 0, { chunks: 1_000, bytes: 1e6 })).toHaveLength(2);
    expect(await it.log.history.removeLogs(over())).toBe(true);
    expect(it.written()).toEqual([second]);
    await it.log.close();
  });
});

describe("keeping the history to its retention", () => {
  it("goes on at once while something is left, then looks again later, whatever fails", async () => {
    const over: (string[] | Error)[] = [["a"], ["a"], [], new Error("disk"), []];
    const gone = [false, true];
    const stop = new AbortController();
    const pauses: number[] = [];
    const removed: (readonly string[])[] = [];
    const faults: unknown[] = [];
    await keepHistory({
      history: {
        over() {
          const runs = over.shift();
          if (over.length === 0) stop.abort();
          if (runs instanceof Error) throw runs;
          return (runs ?? []).map((run) => ({ run, startedSeq: 1, seq: 2, endedMs: 3 }));
        },
        removeLogs: async () => gone.shift() === true,
      },
      retention: { maxAgeMs: 1, maxRuns: 1 },
      remove: async (runs) => void removed.push(runs.map(({ run }) => run)),
      now: () => 1,
      sleep: async (ms) => void pauses.push(ms),
      signal: stop.signal,
      onFault: (error) => void faults.push(error),
    });
    const { removalPauseMs: soon, removalEveryMs: later } = historyLimits;
    expect(pauses).toEqual([soon, soon, later, later, later]);
    expect(removed).toEqual([["a"]]);
    expect(faults).toHaveLength(1);
  });
});
