import { verifyLedger } from "@cohort/proto/ledger/verify";
import { beforeAll, describe, expect, it } from "vitest";
import { noteCrypto } from "../../src/ledger/crypto.ts";
import { createMemoryDisk, openMemoryLog } from "../../src/log/memory.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { buildCommitProgram } from "../kit/commit-program.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { openThreadedLog } from "../kit/threaded-log.ts";
import { chunk, entries, entry, signer } from "./samples.ts";

const program = temporaryPath("commit-thread.mjs");
beforeAll(() => buildCommitProgram(program));

/** What every adapter of the port must do. `open` opens the same log again at each call. */
const adapters = {
  sqlite: () => {
    const path = temporaryPath("log.db");
    return () => openSqliteLog({ path, signer });
  },
  "sqlite and a thread": () => {
    const path = temporaryPath("log.db");
    return () => openThreadedLog(path, program);
  },
  memory: () => {
    const disk = createMemoryDisk();
    return () => openMemoryLog({ signer, disk });
  },
};

describe.each(Object.entries(adapters))("the event log over %s", (_, create) => {
  it("gives back what was appended, in order, also after it was closed and opened", async () => {
    const open = create();
    const log = open();
    await log.append(entries(1, 3));
    await log.append(entries(4, 4));
    expect([...log.entries(1)]).toEqual(entries(1, 4));
    await log.close();

    const again = open();
    expect(again.size).toBe(4);
    expect([...again.entries(3)]).toEqual(entries(3, 4));
    await again.append(entries(5, 600));
    expect([...again.entries(1)]).toEqual(entries(1, 600));
    await again.close();
  });

  it("counts an entry only when it is durable", async () => {
    const log = create()();
    const appended = log.append(entries(1, 2));
    expect(log.size).toBe(0);
    await appended;
    expect(log.size).toBe(2);
    await log.close();
  });

  it("keeps the order of concurrent appends", async () => {
    const log = create()();
    await Promise.all(entries(1, 100).map((it) => log.append([it])));
    expect([...log.entries(1)]).toEqual(entries(1, 100));
    await log.close();
  });

  it("signs a checkpoint that covers all, from the empty log on", async () => {
    const log = create()();
    const verdict = () =>
      verifyLedger({
        leaves: log.leaves(1, 1000),
        note: log.checkpoint(),
        verifierKey: signer.verifierKey,
        crypto: noteCrypto,
      });
    expect(verdict()).toMatchObject({ ok: true, size: 0 });
    await log.append(entries(1, 5));
    await log.append(entries(6, 6));
    expect(verdict()).toMatchObject({ ok: true, size: 6 });
    await log.close();
  });

  it("stops for good when an entry has another number than the next", async () => {
    const log = create()();
    await log.append(entries(1, 1));
    await expect(log.append(entries(3, 3))).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
    await expect(log.append(entries(2, 2))).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
    expect(log.size).toBe(1);
    await log.close();
  });

  it("stops for good when an entry holds what JSON cannot carry", async () => {
    const log = create()();
    const bad = log.append([entry(1, "half a pair: \ud800")]);
    await expect(bad).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
    expect(log.size).toBe(0);
    await log.close();
  });

  it("commits what waits when it is closed, and refuses what comes later", async () => {
    const open = create();
    const log = open();
    const waiting = log.append(entries(1, 2));
    await log.close();
    await waiting;
    await expect(log.append(entries(3, 3))).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
    const again = open();
    expect(again.size).toBe(2);
    await again.close();
  });

  it("knows how far the output of an attempt has come, over its gaps", async () => {
    const log = create()();
    await log.stepLogs.append([chunk(), chunk({ offset: 40, data: Uint8Array.of(1, 2) })]);
    await log.stepLogs.append([chunk({ attempt: 9, offset: 900 })]);
    expect(log.stepLogs.extent(chunk())).toEqual({ end: 42, chunks: 2 });
    expect(log.stepLogs.extent({ ...chunk(), run: "none" })).toEqual({ end: 0, chunks: 0 });
    log.close();
  });

  it("keeps step logs by arrival and drops a chunk whose place is taken", async () => {
    const log = create()();
    await log.stepLogs.append([chunk(), chunk({ step: "other", data: Uint8Array.of(9) })]);
    await log.stepLogs.append([
      chunk({ data: Uint8Array.of(1) }),
      chunk({ offset: 3 }),
      chunk({ run: "run-2" }),
    ]);
    const all = log.stepLogs.read("run-1", "", 0, { chunks: 10, bytes: 1e6 });
    expect(all.map(({ step, offset, data }) => [step, offset, [...data]])).toEqual([
      ["sample", 0, [0, 255, 10]],
      ["other", 0, [9]],
      ["sample", 3, [0, 255, 10]],
    ]);
    expect(log.stepLogs.read("run-1", "sample", 0, { chunks: 10, bytes: 1e6 })).toHaveLength(2);
    expect(log.size).toBe(0);
    await log.close();
  });

  it("reads step logs a page at a time, which count and bytes bound", async () => {
    const log = create()();
    await log.stepLogs.append([0, 3, 6, 9].map((offset) => chunk({ offset })));
    const offsets = (cursor: number, chunks: number, bytes: number) =>
      log.stepLogs.read("run-1", "", cursor, { chunks, bytes }).map(({ offset }) => offset);
    expect(offsets(0, 3, 1e6)).toEqual([0, 3, 6]);
    expect(offsets(0, 10, 6)).toEqual([0, 3]);
    expect(offsets(0, 10, 7)).toEqual([0, 3, 6]);
    // A page is never empty while there is something to read, however little it may hold.
    const [first] = log.stepLogs.read("run-1", "", 0, { chunks: 10, bytes: 0 });
    expect(first?.offset).toBe(0);
    expect(offsets(first?.cursor ?? 0, 10, 1e6)).toEqual([3, 6, 9]);
    await log.close();
  });
});
