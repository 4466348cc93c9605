import type Database from "better-sqlite3";
import { rowHashes } from "../ledger/hash-rows.ts";
import type { SizedNote } from "./committer.ts";
import type { Drop, ExportedLeaf, StoredLeaf } from "./log.ts";

/** A leaf with the row number under which it stands. */
export interface StoredRow extends ExportedLeaf {
  readonly seq: number;
}

/** The tables `entries`, `checkpoints` and `dropped_payloads`. Nothing here checks what it reads. */
export interface LeafStore {
  readonly insert: (seq: number, leaf: StoredLeaf) => void;
  readonly insertCheckpoint: (checkpoint: SizedNote) => void;
  /** Puts what is left of an entry in its place; its leaf hash stays. Throws where there is no whole one. */
  readonly drop: (drop: Drop) => void;
  /** At most `count` rows numbered `seq` and up, in order. */
  readonly rows: (seq: number, count: number) => readonly StoredRow[];
  /** All rows numbered `seq` and up. Other statements may run while it is being read. */
  readonly everyRow: (seq: number) => Generator<StoredRow>;
  /** Row `number` of level 0 of the tree's hashes, as far as there are leaves. */
  readonly hashes: (number: number) => Uint8Array;
  readonly newestCheckpoint: () => SizedNote | undefined;
}

/** Of the whole file, whose other tables come and go with this one. */
export const logSchemaVersion = 1;

export const leafTables = `
  CREATE TABLE entries (
    seq INTEGER PRIMARY KEY,
    json TEXT NOT NULL,
    leaf_hash BLOB NOT NULL
  ) STRICT;
  CREATE TABLE checkpoints (size INTEGER PRIMARY KEY, note TEXT NOT NULL) STRICT;
`;

/** Which entries are remainders. A file that has dropped nothing yet may lack it. */
export const droppedTables = `
  CREATE TABLE IF NOT EXISTS dropped_payloads (
    seq INTEGER PRIMARY KEY,
    dropped_by INTEGER NOT NULL,
    remainder_hash BLOB NOT NULL
  ) STRICT;
`;

export function createLeafStore(database: Database.Database): LeafStore {
  const insert = database.prepare("INSERT INTO entries (seq, json, leaf_hash) VALUES (?, ?, ?)");
  const insertCheckpoint = database.prepare("INSERT INTO checkpoints (size, note) VALUES (?, ?)");
  const replace = database.prepare("UPDATE entries SET json = ? WHERE seq = ?");
  const insertDropped = database.prepare(
    "INSERT INTO dropped_payloads (seq, dropped_by, remainder_hash) VALUES (?, ?, ?)",
  );
  const select = database.prepare<[number, number], StoredRow>(
    `SELECT seq, json, leaf_hash AS leafHash, COALESCE(note, '') AS checkpoint,
       COALESCE(dropped_by, 0) AS droppedBy, remainder_hash AS remainderHash
     FROM entries LEFT JOIN checkpoints ON size = seq LEFT JOIN dropped_payloads USING (seq)
     WHERE seq >= ? ORDER BY seq LIMIT ?`,
  );
  const selectHashes = database
    .prepare<[number, number], Uint8Array>(
      "SELECT leaf_hash FROM entries WHERE seq > ? AND seq <= ? ORDER BY seq",
    )
    .pluck();
  const newest = database.prepare<[], SizedNote>(
    "SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1",
  );
  const rows = (seq: number, count: number) => select.all(seq, count);
  return {
    insert: (seq, { json, leafHash }) => void insert.run(seq, json, leafHash),
    insertCheckpoint: ({ size, note }) => void insertCheckpoint.run(size, note),
    drop({ seq, json, droppedBy, remainderHash }) {
      insertDropped.run(seq, droppedBy, remainderHash);
      if (replace.run(json, seq).changes !== 1) throw new RangeError(`there is no entry ${seq}`);
    },
    rows,
    *everyRow(seq) {
      let page = rows(seq, pageRows);
      while (page.length > 0) {
        yield* page;
        page = rows((page.at(-1) as StoredRow).seq + 1, pageRows);
      }
    },
    hashes: (number) =>
      Buffer.concat(selectHashes.all(number * rowHashes, (number + 1) * rowHashes)),
    newestCheckpoint: () => newest.get(),
  };
}

const pageRows = 256;
