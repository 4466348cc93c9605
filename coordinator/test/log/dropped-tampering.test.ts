import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { textLeafHash } from "@cohort/proto/ledger/merkle";
import Database from "better-sqlite3";
import { describe, expect, it } from "vitest";
import { sha256 } from "../../src/ledger/crypto.ts";
import { remainderHash, remainderOf } from "../../src/ledger/remainder.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { entry, signer } from "./samples.ts";

const dropped = [2, 4];
const none: ReadonlySet<string> = new Set();

function ended(seq: number): Entry {
  const value = { run: `run-${seq}`, outcome: "succeeded", reason: "", outputsJson: '"4711"' };
  return { ...entry(seq), event: { $case: "runEnded", value } };
}

const remainder = (seq: number) => remainderOf(ended(seq), none) as string;

/** Five entries, and a sixth that drops the payload of two of them. */
async function fileWithDrops(): Promise<string> {
  const path = temporaryPath("log.db");
  const log = openSqliteLog({ path, signer });
  await log.append([1, 2, 3, 4, 5].map(ended));
  log.prepareDrop(new Map(dropped.map((seq) => [seq, remainder(seq)])));
  const entries = dropped.map((seq) => ({ seq, remainderHash: remainderHash(remainder(seq)) }));
  const value = { entries, endedSeq: 5, throughSeq: 0, maxAgeMs: 1 };
  await log.append([
    { seq: 6, atMs: 2_000_000_000_000, event: { $case: "payloadsDropped", value } },
  ]);
  await log.close();
  return path;
}

function withSql(path: string, use: (database: Database.Database) => void): void {
  const database = new Database(path);
  database.function("leaf_hash_of", (text) => Buffer.from(textLeafHash(sha256, String(text))));
  use(database);
  database.close();
}

function open(path: string): Promise<void> {
  return openSqliteLog({ path, signer }).close();
}

/** Attack 77: what someone with the file and an SQL shell may try with what was dropped, or was not. */
const attacks: readonly (readonly [string, string, RegExp])[] = [
  [
    "an edited remainder",
    "UPDATE entries SET json = replace(json, 'succeeded', 'failed') WHERE seq = 4",
    /^entry 4: its payload is gone.*not what entry 6 records/,
  ],
  [
    "an edited remainder and its hash",
    `UPDATE entries SET json = replace(json, 'succeeded', 'failed') WHERE seq = 4;
     UPDATE dropped_payloads SET remainder_hash = leaf_hash_of(
       (SELECT json FROM entries WHERE seq = 4)) WHERE seq = 4`,
    /^entry 4: its payload is gone.*not what entry 6 records/,
  ],
  [
    "a payload taken out without a record",
    `UPDATE entries SET json = replace(replace((SELECT json FROM entries WHERE seq = 4),
       'run-4', 'run-3'), '"seq":4', '"seq":3') WHERE seq = 3;
     INSERT INTO dropped_payloads SELECT 3, 6, leaf_hash_of(json) FROM entries WHERE seq = 3`,
    /^entry 3: its payload is gone.*not what entry 6 records/,
  ],
  [
    "a remainder that is said to be recorded elsewhere",
    "UPDATE dropped_payloads SET dropped_by = 5 WHERE seq = 4",
    /^entry 4: its payload is gone.*not what entry 5 records/,
  ],
  [
    "a remainder that is to pass for the entry",
    "DELETE FROM dropped_payloads WHERE seq = 4",
    /^entry 4: its text does not match/,
  ],
  [
    "a remainder as the entry, with its own hash",
    `DELETE FROM dropped_payloads WHERE seq = 4;
     UPDATE entries SET leaf_hash = leaf_hash_of(json) WHERE seq = 4`,
    /^entry 4: /,
  ],
  [
    "the record's own text taken out",
    `INSERT INTO dropped_payloads SELECT 6, 6, leaf_hash_of(json) FROM entries WHERE seq = 6`,
    /^entry 6: what is left of it is no remainder/,
  ],
  [
    "another hash under a remainder",
    "UPDATE entries SET leaf_hash = zeroblob(32) WHERE seq = 2",
    /^entry 1: one of the entries 1 to \d was rewritten/,
  ],
];

describe("a log whose payloads were dropped and that was changed behind the coordinator's back", () => {
  it("is opened while nobody did", async () => {
    const path = await fileWithDrops();
    await expect(open(path)).resolves.toBeUndefined();
    const log = openSqliteLog({ path, signer });
    expect(log.leaves(1, 10).map(({ droppedBy }) => droppedBy)).toEqual([0, 6, 0, 6, 0, 0]);
    expect([...log.entries(1)].map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6]);
    await log.close();
  });

  it.each(attacks)("is not opened with %s (77)", async (_, sql, reason) => {
    const path = await fileWithDrops();
    withSql(path, (database) => database.exec(sql));
    expect(() => openSqliteLog({ path, signer })).toThrow(
      expect.objectContaining({ code: "LEDGER_INVALID", message: expect.stringMatching(reason) }),
    );
  });

  it("refuses to read a remainder that was changed after the log was opened (77)", async () => {
    const path = await fileWithDrops();
    const log = openSqliteLog({ path, signer });
    withSql(path, (database) => database.exec(attacks[0]?.[1] ?? ""));
    expect(() => [...log.entries(1)]).toThrow(/^entry 4: /);
    await log.close();
  });

  it("has dropped nothing and recorded nothing where the entry is gone", async () => {
    const path = await fileWithDrops();
    const log = openSqliteLog({ path, signer });
    log.prepareDrop(new Map([[2, remainder(2)]]));
    const entries = [{ seq: 2, remainderHash: remainderHash(remainder(2)) }];
    const value = { entries, endedSeq: 5, throughSeq: 0, maxAgeMs: 1 };
    const again = log.append([{ seq: 7, atMs: 1, event: { $case: "payloadsDropped", value } }]);
    await expect(again).rejects.toMatchObject({ code: "LEDGER_UNWRITABLE" });
    await log.close();
    const after = openSqliteLog({ path, signer });
    expect(after.size).toBe(6);
    await after.close();
  });
});
