import { writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it } from "vitest";
import { type CommitThread, DiskHangs, startCommitThread } from "../../src/log/commit-thread.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { buildCommitProgram } from "../kit/commit-program.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { openThreadedLog } from "../kit/threaded-log.ts";
import { chunk, entries, seed, signer } from "./samples.ts";

const program = temporaryPath("commit-thread.mjs");
beforeAll(() => buildCommitProgram(program));

const unwritable = { code: "LEDGER_UNWRITABLE" };

describe("a log whose commits are a thread's", () => {
  it("leaves the thread that appends free while the disk is waited for", async () => {
    const path = temporaryPath("log.db");
    const log = openThreadedLog(path, program);
    await log.append(entries(1, 1));
    const lock = new Database(path);
    lock.exec("BEGIN IMMEDIATE");
    const appended = log.append(entries(2, 2));
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect(log.size).toBe(1);
    lock.exec("ROLLBACK");
    await appended;
    expect(log.size).toBe(2);
    lock.close();
    await log.close();
  });

  it("goes on as the same ledger, whichever thread wrote it before", async () => {
    const path = temporaryPath("log.db");
    const threaded = () => openThreadedLog(path, program);
    const open = [threaded, () => openSqliteLog({ path, signer }), threaded];
    for (const [at, openLog] of open.entries()) {
      const log = openLog();
      await log.append(entries(log.size + 1, log.size + 5));
      expect([...log.entries(1)]).toEqual(entries(1, 5 * (at + 1)));
      await log.close();
    }
  });

  it("stores a part of a received buffer as that part alone", async () => {
    const log = openThreadedLog(temporaryPath("log.db"), program);
    const received = Uint8Array.of(1, 2, 3, 4, 5);
    await log.stepLogs.append([chunk({ data: received.subarray(1, 3) })]);
    expect([
      ...(log.stepLogs.read("run-1", "", 0, { chunks: 1, bytes: 1e6 })[0]?.data ?? []),
    ]).toEqual([2, 3]);
    await log.close();
  });

  it("refuses everything when its thread dies, and when it cannot start", async () => {
    const threads: CommitThread[] = [];
    const path = temporaryPath("log.db");
    const log = openThreadedLog(path, program, (thread) => threads.push(thread));
    await log.append(entries(1, 1));
    await threads[0]?.close();
    await expect(log.append(entries(2, 2))).rejects.toMatchObject(unwritable);
    await log.close();

    const broken = temporaryPath("broken.mjs");
    writeFileSync(broken, 'throw new Error("no such program");');
    const other = openThreadedLog(path, broken);
    await expect(other.append(entries(2, 2))).rejects.toThrow("no such program");
    await expect(other.append(entries(2, 2))).rejects.toMatchObject(unwritable);
    await other.close();
  });
});

describe("a log on a disk that does not answer", () => {
  const stuck = temporaryPath("stuck.mjs");
  // As a thread that waits for fsync: it takes everything and says nothing.
  beforeAll(() =>
    writeFileSync(
      stuck,
      'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => {});',
    ),
  );

  it("fails everything that waits, and what comes later, when the deadline is over (81)", async () => {
    const path = temporaryPath("log.db");
    const log = openSqliteLog({
      path,
      signer,
      startThread: (edge) => startCommitThread(stuck, { path, seed, name: signer.name, edge }, 50),
    });
    const waiting = [log.append(entries(1, 1)), log.append(entries(2, 2))];
    for (const it of waiting) {
      await expect(it).rejects.toMatchObject({ ...unwritable, cause: expect.any(DiskHangs) });
    }
    await expect(log.append(entries(3, 3))).rejects.toMatchObject(unwritable);
    expect(log.size).toBe(0);
    await log.close();
  });
});
