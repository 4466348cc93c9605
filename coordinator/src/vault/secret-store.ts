import { refuse } from "@cohort/proto/problem";
import type Database from "better-sqlite3";
import { openDatabase } from "../log/database.ts";
import type { Envelope } from "./envelope.ts";
import { keyMethod, wrongKey } from "./key-source.ts";
import type { WrappedKeys } from "./keyring.ts";

/** A secret as it is stored: all but its value in the clear, and bound to its value by the envelope. */
export interface SecretRow extends Envelope {
  readonly path: string;
  readonly version: number;
  readonly services: readonly string[];
  readonly setMs: number;
  readonly dataKey: number;
}

/** Something of the coordinator's own, such as a signing seed. */
export interface InternalRow extends Envelope {
  readonly name: string;
  readonly dataKey: number;
}

/**
 * The vault's file. Every write is on disk when it returns, or throws INTERNAL. It knows no keys and
 * checks nothing.
 */
export interface SecretStore {
  readonly keys: () => WrappedKeys;
  readonly insertSecret: (row: SecretRow) => void;
  /** The newest version. */
  readonly secret: (path: string) => SecretRow | undefined;
  /** The newest version of each, by path. */
  readonly secrets: () => readonly SecretRow[];
  readonly insertInternal: (row: InternalRow) => void;
  readonly internal: (name: string) => InternalRow | undefined;
  readonly close: () => void;
}

/** `keys` are those of a new vault; null opens one that exists. Throws SETUP_FAILED. */
export function openSecretStore(path: string, keys: WrappedKeys | null): SecretStore {
  const database = openDatabase({
    path,
    schemaVersion: 1,
    create: keys === null ? null : (fresh) => createTables(fresh, keys),
  });
  const insertSecret = database.prepare(`
    INSERT INTO secrets (path, version, services, set_ms, data_key, nonce, sealed)
    VALUES (@path, @version, @services, @setMs, @dataKey, @nonce, @sealed)
  `);
  const newest = database.prepare<[string], StoredSecret>(
    `SELECT ${secretColumns} FROM secrets WHERE path = ? ORDER BY version DESC LIMIT 1`,
  );
  const listed = database.prepare<[], StoredSecret>(
    `SELECT ${secretColumns} FROM secrets AS it
     WHERE version = (SELECT max(version) FROM secrets WHERE path = it.path) ORDER BY path`,
  );
  const insertInternal = database.prepare(`
    INSERT INTO internals (name, data_key, nonce, sealed) VALUES (@name, @dataKey, @nonce, @sealed)
  `);
  const internal = database.prepare<[string], InternalRow>(
    "SELECT name, data_key AS dataKey, nonce, sealed FROM internals WHERE name = ?",
  );
  return {
    keys: () => readKeys(database),
    insertSecret: (row) =>
      write(() => insertSecret.run({ ...row, services: row.services.join(" ") })),
    secret(path) {
      const row = newest.get(path);
      return row === undefined ? undefined : toSecretRow(row);
    },
    secrets: () => listed.all().map(toSecretRow),
    insertInternal: (row) => write(() => insertInternal.run(row)),
    internal: (name) => internal.get(name),
    close: () => void database.close(),
  };
}

const tables = `
  CREATE TABLE root_key (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    method TEXT NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT;
  CREATE TABLE data_keys (number INTEGER PRIMARY KEY, nonce BLOB NOT NULL, sealed BLOB NOT NULL) STRICT;
  CREATE TABLE secrets (
    path TEXT NOT NULL,
    version INTEGER NOT NULL,
    services TEXT NOT NULL,
    set_ms INTEGER NOT NULL,
    data_key INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL,
    PRIMARY KEY (path, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE internals (
    name TEXT PRIMARY KEY,
    data_key INTEGER NOT NULL,
    nonce BLOB NOT NULL,
    sealed BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;
`;

const secretColumns =
  "path, version, services, set_ms AS setMs, data_key AS dataKey, nonce, sealed";

type StoredSecret = Omit<SecretRow, "services"> & { readonly services: string };

/** Names of services have no spaces. */
function toSecretRow(row: StoredSecret): SecretRow {
  return { ...row, services: row.services.split(" ") };
}

function write(run: () => void): void {
  try {
    run();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(
      "INTERNAL",
      `the vault cannot be written: ${reason}`,
      { hint: "Check the disk." },
      cause,
    );
  }
}

function createTables(database: Database.Database, { method, root, dataKeys }: WrappedKeys): void {
  database.exec(tables);
  database
    .prepare("INSERT INTO root_key (only, method, nonce, sealed) VALUES (1, ?, ?, ?)")
    .run(JSON.stringify(method), root.nonce, root.sealed);
  const insert = database.prepare("INSERT INTO data_keys (number, nonce, sealed) VALUES (?, ?, ?)");
  for (const [number, { nonce, sealed }] of dataKeys) insert.run(number, nonce, sealed);
}

function readKeys(database: Database.Database): WrappedKeys {
  const root = database
    .prepare<[], Envelope & { readonly method: string }>(
      "SELECT method, nonce, sealed FROM root_key",
    )
    .get();
  const method = keyMethod.safeParse(parse(root?.method));
  if (root === undefined || !method.success)
    throw wrongKey("The root key was changed: restore a backup.");
  const dataKeys = database
    .prepare<[], Envelope & { readonly number: number }>(
      "SELECT number, nonce, sealed FROM data_keys",
    )
    .all();
  return {
    method: method.data,
    root,
    dataKeys: new Map(dataKeys.map((it) => [it.number, it])),
  };
}

function parse(json = ""): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
