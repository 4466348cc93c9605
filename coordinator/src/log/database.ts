import { closeSync, openSync } from "node:fs";
import { CohortError, refuse } from "@cohort/proto/problem";
import Database from "better-sqlite3";

export interface DatabaseOptions {
  readonly path: string;
  /** What this version reads and writes; kept in the file as its user_version. */
  readonly schemaVersion: number;
  /**
   * Makes the tables and first rows of a new file, in the transaction that also records the version.
   * Null when the file must exist.
   */
  readonly create: ((database: Database.Database) => void) | null;
}

/**
 * A store's file, readable by its owner alone. Every commit is on disk when it returns: WAL with
 * synchronous=FULL (https://sqlite.org/pragma.html#pragma_synchronous). Throws SETUP_FAILED.
 */
export function openDatabase(options: DatabaseOptions): Database.Database {
  const { path, create } = options;
  let database: Database.Database | null = null;
  try {
    if (create !== null) closeSync(openSync(path, "a", 0o600));
    database = new Database(path, { fileMustExist: true, timeout: lockWaitMsMax });
    database.pragma("journal_mode = WAL");
    database.pragma("synchronous = FULL");
    database.pragma("trusted_schema = OFF");
    // What is removed is overwritten: https://sqlite.org/pragma.html#pragma_secure_delete.
    database.pragma("secure_delete = ON");
    migrate(database, options);
    return database;
  } catch (cause) {
    database?.close();
    if (cause instanceof CohortError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse("SETUP_FAILED", `${path} cannot be opened: ${reason}`, {}, cause);
  }
}

/** How long to wait for another process's lock, such as a backup's. */
const lockWaitMsMax = 1_000;

function migrate(
  database: Database.Database,
  { path, schemaVersion, create }: DatabaseOptions,
): void {
  database
    .transaction(() => {
      const found = Number(database.pragma("user_version", { simple: true }));
      if (found === schemaVersion) return;
      if (found !== 0 || create === null) throw unknownVersion(path, found, schemaVersion);
      create(database);
      database.pragma(`user_version = ${schemaVersion}`);
    })
    .immediate();
}

function unknownVersion(path: string, found: number, known: number): CohortError {
  return refuse(
    "SETUP_FAILED",
    `${path} has schema ${found}; this version of Cohort knows ${known}`,
    {
      hint: hintOf(found, known),
    },
  );
}

function hintOf(found: number, known: number): string {
  if (found > known) return "A newer Cohort wrote it. Install that version or a later one.";
  if (found === 0) return "It is not a file of Cohort's.";
  return "An older Cohort wrote it. Go back to that version, or begin with an empty data folder.";
}
