import { readFileSync, statSync, writeFileSync } from "node:fs";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { createCheckpointSigner } from "../../src/ledger/ledger.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { chunk, entries, signer } from "./samples.ts";

const unwritable = { code: "LEDGER_UNWRITABLE" };

describe("the event log in SQLite", () => {
  it("puts appends and step logs that arrive together into one commit", async () => {
    const path = temporaryPath("log.db");
    const log = openSqliteLog({ path, signer });
    const before = commits(path);
    await Promise.all([
      ...entries(1, 50).map((it) => log.append([it])),
      log.stepLogs.append([chunk()]),
    ]);
    expect(commits(path) - before).toBe(1);
    await log.append(entries(51, 51));
    expect(commits(path) - before).toBe(2);
    expect(checkpointSizes(path)).toEqual([0, 50, 51]);
    await log.close();
  });

  it("writes with WAL and a full sync, into a file of its owner alone", async () => {
    const path = temporaryPath("log.db");
    const log = openSqliteLog({ path, signer });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
    await log.close();
  });

  it("refuses everything after an append that the database refused, and keeps none of it", async () => {
    const path = temporaryPath("log.db");
    const log = openSqliteLog({ path, signer });
    await log.append(entries(1, 2));
    const note = log.checkpoint();
    change(
      path,
      `CREATE TRIGGER full BEFORE INSERT ON entries WHEN NEW.seq = 4
      BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END`,
    );
    const together = await Promise.allSettled([
      log.append(entries(3, 3)),
      log.append(entries(4, 4)),
      log.stepLogs.append([chunk()]),
    ]);
    expect(together.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    change(path, "DROP TRIGGER full");
    await expect(log.append(entries(5, 5))).rejects.toMatchObject(unwritable);
    await expect(log.stepLogs.append([chunk()])).rejects.toThrow("disk is full");
    expect([log.size, log.checkpoint()]).toEqual([2, note]);
    await log.close();

    const again = openSqliteLog({ path, signer });
    expect(again.size).toBe(2);
    expect(again.stepLogs.read("run-1", "", 0, { chunks: 10, bytes: 1e6 })).toEqual([]);
    await again.append(entries(3, 3));
    await again.close();
  });

  it("fails when another process holds the file for longer than it may wait", async () => {
    const path = temporaryPath("log.db");
    const log = openSqliteLog({ path, signer });
    await log.append(entries(1, 1));
    const lock = new Database(path);
    lock.exec("BEGIN IMMEDIATE");
    await expect(log.append(entries(2, 2))).rejects.toMatchObject(unwritable);
    lock.close();
    await log.close();
    const again = openSqliteLog({ path, signer });
    expect(again.size).toBe(1);
    await again.close();
  });

  it("stops the stale one of two processes that opened the same file", async () => {
    const path = temporaryPath("log.db");
    const stale = openSqliteLog({ path, signer });
    const fresh = openSqliteLog({ path, signer });
    await fresh.append(entries(1, 1));
    await expect(stale.append(entries(1, 1))).rejects.toMatchObject(unwritable);
    await fresh.append(entries(2, 2));
    await stale.close();
    await fresh.close();
    const again = openSqliteLog({ path, signer });
    expect([...again.entries(1)]).toEqual(entries(1, 2));
    await again.close();
  });

  it("lets the reader of entries append while it reads", async () => {
    const log = openSqliteLog({ path: temporaryPath("log.db"), signer });
    await log.append(entries(1, 300));
    for (const { seq } of log.entries(1)) {
      if (seq === 10) await log.append(entries(301, 301));
    }
    expect(log.size).toBe(301);
    await log.close();
  });

  it("refuses a file that a newer version wrote", async () => {
    const path = temporaryPath("log.db");
    await openSqliteLog({ path, signer }).close();
    change(path, "PRAGMA user_version = 2");
    expect(() => openSqliteLog({ path, signer })).toThrow(
      /has schema 2; this version of Cohort knows 1/,
    );
  });

  it("refuses a file that is no database, and a folder that is not there", () => {
    const path = temporaryPath("log.db");
    writeFileSync(path, "not a database, but long enough to look at".repeat(100));
    expect(() => openSqliteLog({ path, signer })).toThrow(/cannot be opened/);
    expect(() => openSqliteLog({ path: `${path}.d/log.db`, signer })).toThrow(/cannot be opened/);
  });

  it("refuses a log that another key signed", async () => {
    const path = temporaryPath("log.db");
    const log = openSqliteLog({ path, signer });
    await log.append(entries(1, 1));
    await log.close();
    const other = createCheckpointSigner(new Uint8Array(32).fill(8), signer.name);
    expect(() => openSqliteLog({ path, signer: other })).toThrow("not signed by the verifier key");
  });
});

function change(path: string, sql: string): void {
  const database = new Database(path);
  database.exec(sql);
  database.close();
}

function checkpointSizes(path: string): unknown[] {
  const database = new Database(path);
  const sizes = database.prepare("SELECT size FROM checkpoints ORDER BY size").pluck().all();
  database.close();
  return sizes;
}

/** Commits in the write-ahead log: a frame's second word is 0 but for the last of a commit. */
function commits(path: string): number {
  const wal = readFileSync(`${path}-wal`);
  const frameBytes = 24 + wal.readUInt32BE(8);
  let count = 0;
  for (let at = 32; at < wal.length; at += frameBytes) {
    if (wal.readUInt32BE(at + 4) !== 0) count += 1;
  }
  return count;
}
