import { existsSync, readFileSync } from "node:fs";
import { verifyConsistency } from "@cohort/proto/ledger/merkle-proof";
import { verifyLedger } from "@cohort/proto/ledger/verify";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it } from "vitest";
import { snapshot } from "../../../test/sim/snapshot.ts";
import { historyVersion } from "../../src/history/history.ts";
import { historyLimits } from "../../src/history/limits.ts";
import { noteCrypto, sha256 } from "../../src/ledger/crypto.ts";
import { createPayloadPass } from "../../src/ledger/drop-payloads.ts";
import { exportLedger } from "../../src/ledger/ledger.ts";
import { proveEntry, proveGrowth } from "../../src/ledger/proofs.ts";
import { createMemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { replay } from "../../src/state/replay.ts";
import { buildCommitProgram } from "../kit/commit-program.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { openThreadedLog } from "../kit/threaded-log.ts";
import { chunk, signer } from "../log/samples.ts";
import { createWorld } from "../scheduler/world.ts";

const workflow = `
kind: workflow
name: flow
inputs:
  zone: { type: string, default: north }
  note: { type: string, default: "" }
  tag: { type: string, default: "" }
steps:
  - id: a
    run: "true"
    nodes: { select: "node.labels.zone == inputs.zone" }
    cache: { key: "\${{ inputs.tag }}", ttl: 1h }
  - { id: b, depends: a, run: "true" }
`;

const hourMs = 60 * 60_000;
const payloadMaxAgeMs = 2 * hourMs;
/** Stands in inputs, outputs, messages and what steps wrote, and nowhere else. */
const marker = "PAYLOAD-THAT-GOES";
const long = `${marker} ${"x".repeat(9_000)}`;

const program = temporaryPath("commit-thread.mjs");
beforeAll(() => buildCommitProgram(program));

/** `path`: of the file, where there is one. */
const adapters = {
  sqlite() {
    const path = temporaryPath("log.db");
    return { path, open: () => openSqliteLog({ path, signer }) };
  },
  "sqlite and a thread"() {
    const path = temporaryPath("log.db");
    return { path, open: () => openThreadedLog(path, program) };
  },
  memory() {
    const disk = createMemoryDisk();
    return { path: null, open: () => openMemoryLog({ signer, disk }) };
  },
};

/** Runs that ended an hour apart, the last of them now, each with a payload; the first are removed. */
async function setUp(
  create: (typeof adapters)[keyof typeof adapters],
  count = 6,
  removed = 4,
  outputLength = 0,
) {
  const { path, open } = create();
  const log = open();
  log.history.begin(historyVersion);
  const world = createWorld(workflow, log);
  await world.apply();
  await world.addNode("node-a", { zone: "north" });
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    if (at > 0) await world.pass(hourMs);
    const { run } = await world.start("flow", `key-${at}`, { note: long, tag: `${at}` });
    await world.finish(run, "a", { outputJson: JSON.stringify(long.padEnd(outputLength)) });
    await log.stepLogs.append([chunk({ run, data: Buffer.from(long) })]);
    await world.finish(run, "b", { outcome: "failed", code: "STEP_EXIT", message: long });
    ids.push(run);
  }
  const nowMs = log.history.find(ids.at(-1) as string)?.endedMs as number;
  const runs = log.history.over({ maxAgeMs: 100 * hourMs, maxRuns: count - removed }, nowMs);
  expect(runs.map(({ run }) => run)).toEqual(ids.slice(0, removed));
  await log.history.removeLogs(ids.slice(0, removed));
  for (const { run, startedSeq, seq, endedMs } of runs) {
    const value = { runs: [run], firstSeq: startedSeq, lastSeq: seq, endedMs };
    await world.record({ $case: "historyRemoved", value });
  }
  const passOf = (maxAgeMs = payloadMaxAgeMs, now = () => nowMs) =>
    createPayloadPass({ log, writer: world.writer, maxAgeMs, now, pause: async () => {} });
  return { path, open, log, world, ids, nowMs, passOf, ...viewsOf(log) };
}

function viewsOf(log: ReturnType<typeof openMemoryLog>) {
  const leaves = () => log.leaves(1, 10_000);
  return {
    leaves,
    dropped: () => leaves().flatMap(({ droppedBy }, at) => (droppedBy > 0 ? [at + 1] : [])),
    verdict: () =>
      verifyLedger({
        leaves: leaves(),
        note: log.checkpoint(),
        verifierKey: signer.verifierKey,
        crypto: noteCrypto,
      }),
  };
}

describe.each(Object.entries(adapters))("dropping payloads over %s", (_, create) => {
  it("takes them from runs that left the history and ended so long ago, and from no other", async () => {
    const it = await setUp(create);
    const before = it.leaves();
    expect(await it.passOf()()).toBe(true);
    const gone = it.ids.slice(0, 3);
    const lacking = it.dropped().map((seq) => before[seq - 1]?.json ?? "");
    expect(lacking.length).toBeGreaterThan(0);
    for (const json of lacking) expect(gone.some((run) => json.includes(run))).toBe(true);
    for (const [at, { json }] of it.leaves().entries()) {
      const isGone = gone.some((run) => (before[at]?.json ?? json).includes(run));
      expect(json.includes(marker)).toBe((before[at]?.json ?? "").includes(marker) && !isGone);
    }
    expect(it.world.state.ledger.payloads).toMatchObject({ count: lacking.length });
    expect(await it.passOf()()).toBe(false);
    await it.log.close();
  });

  it("takes them later from those that are not due yet, with the same pass", async () => {
    const it = await setUp(create);
    let nowMs = it.nowMs;
    const pass = it.passOf(payloadMaxAgeMs, () => nowMs);
    await pass();
    const { length } = it.dropped();
    nowMs += hourMs;
    expect(await pass()).toBe(true);
    expect(it.dropped().length).toBe(length + length / 3);
    expect(it.verdict()).toMatchObject({ ok: true, dropped: length + length / 3 });
    await it.log.close();
  });

  it("leaves every leaf hash, and inclusion and growth stay provable", async () => {
    const it = await setUp(create);
    const before = it.leaves();
    const older = it.log.size;
    const growth = proveGrowth(it.log, older);
    await it.passOf()();
    expect(it.leaves().slice(0, older)).toMatchObject(
      before.map(({ leafHash, checkpoint }) => ({ leafHash, checkpoint })),
    );
    const [seq = 0] = it.dropped();
    const proof = proveEntry(it.log, seq);
    const { atMs } = it.world.recorded.at(-1) ?? {};
    expect(proof.dropped).toEqual({ by: it.log.size, atMs, maxAgeMs: payloadMaxAgeMs });
    expect(proof.leafHash).toEqual(before[seq - 1]?.leafHash);
    expect(proveEntry(it.log, 1).dropped).toBeUndefined();
    const newer = proveGrowth(it.log, it.log.size);
    const path = proveGrowth(it.log, older).path;
    const claim = { size: it.log.size, root: newer.root };
    expect(
      verifyConsistency(sha256, { older: { size: older, root: growth.root }, newer: claim, path }),
    ).toBe(true);
    expect(it.verdict()).toMatchObject({ ok: true, dropped: it.dropped().length });
    await it.log.close();
  });

  it("opens again and leads to the same state, and the same table made anew", async () => {
    const it = await setUp(create);
    await it.passOf()();
    const live = snapshot(it.world.state);
    await it.log.close();
    const again = it.open();
    const { dropped } = viewsOf(again);
    expect(snapshot(replay(again))).toBe(live);
    again.history.begin(historyVersion + 1);
    expect(snapshot(replay(again))).toBe(live);
    for (const run of it.ids.slice(0, 4)) expect(again.history.find(run)).toBeNull();
    expect(dropped().length).toBeGreaterThan(0);
    await again.close();
  });

  it("forgets what stands for later steps by what was dropped, and nothing newer", async () => {
    const it = await setUp(create);
    const { cache } = it.world.state.runs;
    const cached = () => [...cache.inOrder].map(({ run }) => run);
    expect(cached()).toEqual(expect.arrayContaining(it.ids.slice(4)));
    await it.passOf()();
    expect(cached()).not.toEqual(expect.arrayContaining(it.ids.slice(0, 1)));
    expect(cached()).toEqual(expect.arrayContaining(it.ids.slice(4)));
    await it.log.close();
  });

  it("drops so much in one commit and no more, and goes on where a pass was cut off", async () => {
    const it = await setUp(create, 3, 3, historyLimits.payloadBytesDroppedMax / 2);
    const now = () => it.nowMs + hourMs;
    let commits = 0;
    const cut = createPayloadPass({
      log: {
        leaves: it.log.leaves,
        prepareDrop(remainders) {
          if (commits++ > 0) throw new Error("the process ends");
          it.log.prepareDrop(remainders);
        },
      },
      ...{ writer: it.world.writer, maxAgeMs: 1, now, pause: async () => {} },
    });
    await expect(cut()).rejects.toThrow("the process ends");
    const some = it.dropped().length;
    expect(some).toBeGreaterThan(0);
    expect(it.verdict()).toMatchObject({ ok: true, dropped: some });
    const live = snapshot(it.world.state);
    expect(snapshot(replay(it.log))).toBe(live);

    expect(await it.passOf(1, now)()).toBe(true);
    expect(it.dropped().length).toBeGreaterThan(some);
    expect(it.verdict()).toMatchObject({ ok: true, dropped: it.dropped().length });
    expect(it.leaves().some(({ json }) => json.includes(marker))).toBe(false);
    await it.log.close();
  });

  it("stops an export that was begun before and would lack both payload and record", async () => {
    const it = await setUp(create);
    const { chunks } = exportLedger(it.log);
    await it.passOf()();
    expect(() => [...chunks]).toThrow(expect.objectContaining({ code: "EXPORT_OVERTAKEN" }));
    const leaves = [...exportLedger(it.log).chunks].flat();
    expect(leaves).toHaveLength(it.log.size);
    await it.log.close();
  });

  it("records nothing that does not come true", async () => {
    const it = await setUp(create);
    const entries = [{ seq: 3, remainderHash: new Uint8Array(32) }];
    const value = { entries, endedSeq: 0, throughSeq: 0, maxAgeMs: 1 };
    const { size } = it.log;
    it.log.prepareDrop(new Map([[3, "{}"]]));
    const recorded = it.log.append([
      { seq: size + 1, atMs: 1, event: { $case: "payloadsDropped", value } },
    ]);
    await expect(recorded).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
    expect(it.log.size).toBe(size);
    expect(it.dropped()).toEqual([]);
    await it.log.close();
  });
});

describe.each([
  ["sqlite", adapters.sqlite],
  ["sqlite and a thread", adapters["sqlite and a thread"]],
])("a file of %s whose payloads were dropped", (_, create) => {
  const holds = (path: string) =>
    [path, `${path}-wal`].some((it) => existsSync(it) && readFileSync(it).includes(marker));

  it("holds nothing of them any more once it is purged", async () => {
    const it = await setUp(create, 4, 4);
    const path = it.path as string;
    expect(holds(path)).toBe(true);
    await it.passOf(1, () => it.nowMs + hourMs)();
    expect(await it.log.purge()).toBe(true);
    expect(it.verdict()).toMatchObject({ ok: true, dropped: it.dropped().length });
    expect(holds(path)).toBe(false);
    await it.log.close();
    expect(holds(path)).toBe(false);
  });

  it("is purged later where a reader keeps it from that", async () => {
    const it = await setUp(create, 4, 4);
    const other = new Database(it.path as string);
    other.exec("BEGIN; SELECT count(*) FROM entries;");
    await it.passOf(1, () => it.nowMs + hourMs)();
    expect(await it.log.purge()).toBe(false);
    other.close();
    expect(await it.log.purge()).toBe(true);
    expect(holds(it.path as string)).toBe(false);
    await it.log.close();
  });
});
