import type Database from "better-sqlite3";

/** A change that the ledger may not know yet. */
export interface PendingRow {
  readonly generation: number;
  /** The generation before it. */
  readonly base: number;
  /** The event, as an entry's JSON. */
  readonly event: string;
  readonly mac: Uint8Array;
}

/** How often the file was changed, and what of that is still to be recorded. */
export interface ChangeTable {
  readonly generation: () => number;
  readonly setGeneration: (number: number) => void;
  readonly insertPending: (row: PendingRow) => void;
  /** The oldest first. */
  readonly pending: () => readonly PendingRow[];
  readonly removePending: (upTo: number) => void;
  /** A checkpoint of the ledger that was seen; "" for none. */
  readonly anchor: () => string;
  readonly setAnchor: (note: string) => void;
}

export function createChangeTable(database: Database.Database): ChangeTable {
  const generation = database.prepare<[], number>("SELECT number FROM generation").pluck();
  const setGeneration = database.prepare("UPDATE generation SET number = ?");
  const insert = database.prepare(
    "INSERT INTO pending (generation, base, event, mac) VALUES (@generation, @base, @event, @mac)",
  );
  const pending = database.prepare<[], PendingRow>(
    "SELECT generation, base, event, mac FROM pending ORDER BY generation",
  );
  const remove = database.prepare("DELETE FROM pending WHERE generation <= ?");
  const anchor = database.prepare<[], string>("SELECT note FROM anchor").pluck();
  const setAnchor = database.prepare("INSERT OR REPLACE INTO anchor (only, note) VALUES (1, ?)");
  return {
    generation: () => generation.get() ?? 0,
    setGeneration: (number) => void setGeneration.run(number),
    insertPending: (row) => void insert.run(row),
    pending: () => pending.all(),
    removePending: (upTo) => void remove.run(upTo),
    anchor: () => anchor.get() ?? "",
    setAnchor: (note) => void setAnchor.run(note),
  };
}
