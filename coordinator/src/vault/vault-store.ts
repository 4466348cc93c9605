import { refuse } from "@cohort/proto/problem";
import type Database from "better-sqlite3";
import { openDatabase } from "../log/database.ts";
import { type ChangeTable, createChangeTable } from "./change-table.ts";
import { createKeyTable, insertKeys, type KeyTable } from "./key-table.ts";
import type { Ring, WrappedKeys } from "./keyring.ts";
import { createSecretTable, type SecretTable } from "./secret-table.ts";
import { vaultSchemaVersion, vaultTables } from "./vault-tables.ts";

/** The vault's file. It knows no keys and checks nothing. */
export interface VaultStore extends KeyTable, SecretTable, ChangeTable {
  /** All that `run` writes, or nothing. On disk when it returns. Throws INTERNAL, or what `run` throws. */
  readonly transact: <T>(run: () => T) => T;
  /** What was removed is in no file any more. */
  readonly purge: () => void;
  readonly close: () => void;
}

/** `keys` are those of a new vault; null opens one that exists. Throws SETUP_FAILED. */
export function openVaultStore(
  path: string,
  keys: Readonly<Record<Ring, WrappedKeys>> | null,
): VaultStore {
  const database = openDatabase({
    path,
    schemaVersion: vaultSchemaVersion,
    create:
      keys === null
        ? null
        : (fresh) => {
            fresh.exec(vaultTables);
            for (const ring of ["own", "secrets"] as const) insertKeys(fresh, ring, keys[ring]);
          },
  });
  return {
    ...createKeyTable(database),
    ...createSecretTable(database),
    ...createChangeTable(database),
    transact: (run) => transact(database, run),
    purge: () => void database.pragma("wal_checkpoint(TRUNCATE)"),
    close: () => void database.close(),
  };
}

function transact<T>(database: Database.Database, run: () => T): T {
  try {
    return database.transaction(run).immediate();
  } catch (cause) {
    if (!isSqliteError(cause)) throw cause;
    const message = `the vault cannot be written: ${cause.message}`;
    throw refuse("INTERNAL", message, { hint: "Check the disk." }, cause);
  }
}

function isSqliteError(cause: unknown): cause is Error {
  return cause instanceof Error && cause.name === "SqliteError";
}
