import type Database from "better-sqlite3";
import type { HashRow } from "../ledger/hash-rows.ts";

/** The table `hash_rows`: those above the leaves, whose own hashes stand in `entries`. */
export interface HashRowTable {
  readonly write: (row: HashRow) => void;
  /** Empty when there is none. */
  readonly read: (level: number, number: number) => Uint8Array;
}

/**
 * It follows from the entries, so it comes and goes without a version of the file. The keys of a
 * level grow with the log, and those of all levels together.
 */
export const hashRowTables = `
  CREATE TABLE IF NOT EXISTS hash_rows (key INTEGER PRIMARY KEY, hashes BLOB NOT NULL) STRICT;
`;

export function createHashRowTable(database: Database.Database): HashRowTable {
  const insert = database.prepare("INSERT OR REPLACE INTO hash_rows (key, hashes) VALUES (?, ?)");
  const select = database
    .prepare<[number], Uint8Array>("SELECT hashes FROM hash_rows WHERE key = ?")
    .pluck();
  return {
    write: ({ level, number, hashes }) => void insert.run(keyOf(level, number), hashes),
    read: (level, number) => select.get(keyOf(level, number)) ?? none,
  };
}

const none = new Uint8Array(0);

/** 16^14 leaves are more than integers count here. */
const levelsMax = 16;

function keyOf(level: number, number: number): number {
  return number * levelsMax + level;
}
