import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { leafHash } from "@cohort/proto/ledger/merkle";
import { verifyLedger } from "@cohort/proto/ledger/verify";
import Database from "better-sqlite3";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noteCrypto, sha256 } from "../../src/ledger/crypto.ts";
import type { ExportedLeaf } from "../../src/log/log.ts";
import { openSqliteLog } from "../../src/log/sqlite.ts";
import { temporaryPath } from "../kit/temporary-path.ts";
import { entries, entry, signer } from "./samples.ts";

/** Attack 77: what someone with the file and an SQL shell may try. Ten entries, in commits of two. */
const editText = "UPDATE entries SET json = replace(json, 'succeeded', 'failed') WHERE seq = 4";

const attacks: readonly {
  readonly what: string;
  readonly sql: string;
  /** The error when the log is opened. */
  readonly opened: RegExp;
  /** The first bad entry in the export of the same file; null when it cannot be narrowed to one. */
  readonly exported: number | null;
}[] = [
  { what: "an edited text", sql: editText, opened: /^entry 4: .*edited/, exported: 4 },
  {
    what: "an edited hash",
    sql: "UPDATE entries SET leaf_hash = zeroblob(32) WHERE seq = 4",
    opened: /^entry 4: .*edited/,
    exported: 4,
  },
  {
    what: "a hash of another length",
    sql: "UPDATE entries SET leaf_hash = x'' WHERE seq = 10",
    opened: /^entry 10: .*edited/,
    exported: 10,
  },
  {
    what: "a deleted row",
    sql: "DELETE FROM entries WHERE seq = 4",
    opened: /^entry 4: it is missing/,
    exported: 4,
  },
  {
    what: "a deleted first row",
    sql: "DELETE FROM entries WHERE seq = 1",
    opened: /^entry 1: it is missing/,
    exported: 1,
  },
  {
    what: "a deleted row whose gap was closed",
    sql: "DELETE FROM entries WHERE seq = 4; UPDATE entries SET seq = seq - 1 WHERE seq > 4",
    opened: /^entry 4: it says that it is entry 5/,
    exported: 4,
  },
  {
    what: "two rows in each other's place",
    sql: `UPDATE entries SET seq = 0 WHERE seq = 4; UPDATE entries SET seq = 4 WHERE seq = 6;
      UPDATE entries SET seq = 6 WHERE seq = 0`,
    opened: /^entry 4: it says that it is entry 6/,
    exported: 4,
  },
  {
    what: "rows cut off at the end",
    sql: "DELETE FROM entries WHERE seq > 8",
    opened: /^entry 9: the ledger ends here/,
    exported: 9,
  },
  {
    what: "all rows gone",
    sql: "DELETE FROM entries",
    opened: /^entry 1: the ledger ends here/,
    exported: 1,
  },
  {
    what: "the newest checkpoints gone",
    sql: "DELETE FROM checkpoints WHERE size > 6",
    opened: /^entry 7: the checkpoint does not cover/,
    exported: 7,
  },
  {
    what: "no checkpoint at all",
    sql: "DELETE FROM checkpoints",
    opened: /no checkpoint/,
    exported: null,
  },
  {
    what: "an edited checkpoint",
    sql: "UPDATE checkpoints SET note = replace(note, char(10) || '10' || char(10), char(10) || '8' || char(10))",
    opened: /signature does not verify/,
    exported: null,
  },
  {
    what: "the row of an older checkpoint in place of the newest",
    sql: "UPDATE checkpoints SET note = (SELECT note FROM checkpoints WHERE size = 8) WHERE size = 10",
    opened: /^entry 9: the checkpoint does not cover/,
    exported: 9,
  },
  {
    what: "a row before the first",
    sql: "INSERT INTO entries SELECT 0, json, leaf_hash FROM entries WHERE seq = 1",
    opened: /^entry 0: a log begins with entry 1/,
    exported: 2,
  },
  {
    what: "a row added at the end",
    sql: "INSERT INTO entries SELECT 11, json, leaf_hash FROM entries WHERE seq = 10",
    opened: /^entry 11: it says that it is entry 10/,
    exported: 11,
  },
];

describe("a log that was changed behind the coordinator's back", () => {
  it.each(attacks)("is not opened with $what", async ({ sql, opened, exported }) => {
    const path = await tenEntries();
    withSql(path, (database) => database.exec(sql));
    expect(messageOf(() => openSqliteLog({ path, signer }))).toMatch(opened);
    expect(verifyLedger(exportOf(path))).toMatchObject({ ok: false, seq: exported });
  });

  it("names the commit in which an entry was rewritten together with its hash", async () => {
    const path = await tenEntries();
    const forged = canonicalJson({ ...JSON.parse(rowsOf(path)[4]?.json ?? ""), atMs: "1" });
    withSql(path, (database) =>
      database
        .prepare("UPDATE entries SET json = ?, leaf_hash = ? WHERE seq = 5")
        .run(forged, leafHash(sha256, Buffer.from(forged))),
    );
    expect(messageOf(() => openSqliteLog({ path, signer }))).toMatch(
      /^entry 5: one of the entries 5 to 6 was rewritten together with its hash$/,
    );
    expect(verifyLedger(exportOf(path))).toMatchObject({ ok: false, seq: 5 });
  });

  it("refuses to read an entry that was changed after the log was opened", async () => {
    const path = await tenEntries();
    const log = openSqliteLog({ path, signer });
    withSql(path, (database) => database.exec(editText));
    const read = log.entries(3)[Symbol.iterator]();
    expect(read.next().value).toEqual(entry(3));
    expect(() => read.next()).toThrow(/^entry 4: /);
    await log.close();
  });

  it("is not opened with any one byte of any text changed", async () => {
    const path = await tenEntries();
    const rows = rowsOf(path);
    const place = fc.record({
      row: fc.nat(9),
      at: fc.nat(),
      to: fc.integer({ min: 32, max: 126 }),
    });
    fc.assert(
      fc.property(place, ({ row, at, to }) => {
        const text = rows[row]?.json ?? "";
        const bytes = Buffer.from(text);
        bytes[at % bytes.length] = to;
        fc.pre(bytes.toString() !== text);
        const update = (json: string) =>
          withSql(path, (database) =>
            database.prepare("UPDATE entries SET json = ? WHERE seq = ?").run(json, row + 1),
          );
        update(bytes.toString());
        expect(messageOf(() => openSqliteLog({ path, signer }))).toMatch(`entry ${row + 1}: `);
        update(text);
      }),
      { numRuns: 40 },
    );
  });
});

async function tenEntries(): Promise<string> {
  const path = temporaryPath("log.db");
  const log = openSqliteLog({ path, signer });
  for (let seq = 1; seq <= 10; seq += 2) await log.append(entries(seq, seq + 1));
  await log.close();
  return path;
}

function withSql<T>(path: string, use: (database: Database.Database) => T): T {
  const database = new Database(path);
  try {
    return use(database);
  } finally {
    database.close();
  }
}

function rowsOf(path: string): ExportedLeaf[] {
  return withSql(path, (database) =>
    database
      .prepare<[], ExportedLeaf>(
        `SELECT json, leaf_hash AS leafHash, COALESCE(note, '') AS checkpoint
         FROM entries LEFT JOIN checkpoints ON size = seq ORDER BY seq`,
      )
      .all(),
  );
}

/** What an export of the changed file would hold. */
function exportOf(path: string): Parameters<typeof verifyLedger>[0] {
  const note = withSql(path, (database) =>
    database.prepare("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1").pluck().get(),
  );
  return {
    leaves: rowsOf(path),
    note: typeof note === "string" ? note : "",
    verifierKey: signer.verifierKey,
    crypto: noteCrypto,
  };
}

function messageOf(act: () => void): string {
  try {
    act();
  } catch (error) {
    expect(error).toMatchObject({ code: "LEDGER_INVALID" });
    return (error as Error).message;
  }
  throw new Error("it was opened");
}
