import { parseCheckpointBody } from "@cohort/proto/ledger/checkpoint";
import { textLeafHash } from "@cohort/proto/ledger/merkle";
import { verifyConsistency, verifyInclusion } from "@cohort/proto/ledger/merkle-proof";
import Database from "better-sqlite3";
import { beforeAll, describe, expect, it } from "vitest";
import { sha256 } from "../../src/ledger/crypto.ts";
import { proveEntry, proveGrowth, tileOf } from "../../src/ledger/proofs.ts";
import type { EventLog } from "../../src/log/log.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { buildCommitProgram } from "../kit/commit-program.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { openThreadedLog } from "../kit/threaded-log.ts";
import { entries, signer } from "../log/samples.ts";

const program = temporaryPath("commit-thread.mjs");
beforeAll(() => buildCommitProgram(program));

const adapters = {
  sqlite: () => openSqliteLog({ path: temporaryPath("log.db"), signer }),
  "sqlite and a thread": () => openThreadedLog(temporaryPath("log.db"), program),
  memory: () => openMemoryLog({ signer }),
};

describe.each(Object.entries(adapters))("proofs over %s", (_, open) => {
  it("hold for entries and checkpoints, however the log grew", async () => {
    const log = open();
    const passed = [log.checkpoint()];
    for (let size = 0; size < 600; size += 40) {
      await log.append(entries(size + 1, size + 40));
      passed.push(log.checkpoint());
    }
    for (const seq of [1, 16, 17, 256, 257, 599, 600]) expectEntry(log, seq);
    for (const note of passed) expectGrowth(log, note);
    await log.close();
  });

  it("are refused for what is not there", async () => {
    const log = open();
    await log.append(entries(1, 3));
    for (const seq of [0, 4, -1]) {
      expect(() => proveEntry(log, seq)).toThrow(
        expect.objectContaining({ code: "ENTRY_UNKNOWN" }),
      );
    }
    expect(() => proveGrowth(log, 4)).toThrow(expect.objectContaining({ code: "ENTRY_UNKNOWN" }));
    for (const [level, number] of [
      [0, 1],
      [1, 0],
      [60, 0],
    ] as const) {
      expect(() => tileOf(log, level, number)).toThrow(
        expect.objectContaining({ code: "ENTRY_UNKNOWN" }),
      );
    }
    await log.close();
  });

  it("come with tiles of 256 hashes, the last of each level as far as it goes", async () => {
    const log = open();
    await log.append(entries(1, 600));
    const leaves = log.leaves(1, 600).map(({ leafHash }) => leafHash);
    expect(Buffer.from(tileOf(log, 0, 1))).toEqual(Buffer.concat(leaves.slice(256, 512)));
    expect(Buffer.from(tileOf(log, 0, 2))).toEqual(Buffer.concat(leaves.slice(512)));
    expect(tileOf(log, 1, 0)).toHaveLength(2 * 32);
    await log.close();
  });
});

it("the tree's hashes are made anew from the entries when they were damaged", async () => {
  const path = temporaryPath("log.db");
  const log = openSqliteLog({ path, signer });
  await log.append(entries(1, 600));
  const rows = new Database(path);
  rows.exec("UPDATE hash_rows SET hashes = zeroblob(length(hashes)) WHERE key % 16 = 1");
  expect(() => proveEntry(log, 3)).toThrow(expect.objectContaining({ code: "LEDGER_INVALID" }));
  rows.exec("DELETE FROM hash_rows");
  expect(() => proveEntry(log, 3)).toThrow(expect.objectContaining({ code: "LEDGER_INVALID" }));
  expect(() => tileOf(log, 1, 0)).toThrow(expect.objectContaining({ code: "LEDGER_INVALID" }));
  rows.close();
  await log.close();

  const again = openSqliteLog({ path, signer });
  expectEntry(again, 3);
  await again.append(entries(601, 700));
  expectEntry(again, 700);
  await again.close();
});

function expectEntry(log: EventLog, seq: number): void {
  const { json, path, checkpoint } = proveEntry(log, seq);
  const { size, root } = parseCheckpointBody(checkpoint);
  expect(JSON.parse(json)).toMatchObject({ seq });
  const leaf = textLeafHash(sha256, json);
  expect(verifyInclusion(sha256, { index: seq - 1, leaf, size, root, path })).toBe(true);
}

function expectGrowth(log: EventLog, note: string): void {
  const older = parseCheckpointBody(note);
  const { path, root, checkpoint } = proveGrowth(log, older.size);
  expect(Buffer.from(root)).toEqual(Buffer.from(older.root));
  const newer = parseCheckpointBody(checkpoint);
  expect(verifyConsistency(sha256, { older, newer, path })).toBe(true);
}
