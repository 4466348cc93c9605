import type Database from "better-sqlite3";
import { rowHashes } from "../ledger/hash-rows.ts";
import type { SizedNote } from "./committer.ts";
import type { ExportedLeaf, StoredLeaf } from "./log.ts";

/** A leaf with the row number under which it stands. */
export interface StoredRow extends ExportedLeaf {
  readonly seq: number;
}

/** The tables `entries` and `checkpoints`. Nothing here checks what it reads. */
export interface LeafStore {
  readonly insert: (seq: number, leaf: StoredLeaf) => void;
  readonly insertCheckpoint: (checkpoint: SizedNote) => void;
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

export function createLeafStore(database: Database.Database): LeafStore {
  const insert = database.prepare("INSERT INTO entries (seq, json, leaf_hash) VALUES (?, ?, ?)");
  const insertCheckpoint = database.prepare("INSERT INTO checkpoints (size, note) VALUES (?, ?)");
  const select = database.prepare<[number, number], StoredRow>(
    `SELECT seq, json, leaf_hash AS leafHash, COALESCE(note, '') AS checkpoint
     FROM entries LEFT JOIN checkpoints ON size = seq WHERE seq >= ? ORDER BY seq LIMIT ?`,
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
