import type { SecretBinding } from "@cohort/proto/gen/cohort/ledger";
import type Database from "better-sqlite3";
import * as z from "zod";
import type { Envelope } from "./envelope.ts";

/** What a version of a secret is good for: all that its envelope binds to its value. */
export interface SecretPolicy {
  readonly path: string;
  readonly version: number;
  readonly services: readonly string[];
  readonly bindings: readonly SecretBinding[];
  readonly setMs: number;
  /** From when it is good no more; 0 while no other has taken its place. */
  readonly untilMs: number;
  readonly dataKey: number;
}

export type SecretRow = SecretPolicy & Envelope;

/** A version whose value was destroyed. */
export interface RetiredRow {
  readonly path: string;
  readonly version: number;
  readonly setMs: number;
  readonly retiredMs: number;
}

/** Something of the coordinator's own, such as a signing seed. */
export interface InternalRow extends Envelope {
  readonly name: string;
  readonly dataKey: number;
}

export interface SecretTable {
  readonly insertSecret: (row: SecretRow) => void;
  /** In place of the row of the same path and version. */
  readonly replaceSecret: (row: SecretRow) => void;
  readonly removeSecret: (path: string, version: number) => void;
  /** Versions whose values are there, the newest first. */
  readonly versions: (path: string) => readonly SecretRow[];
  /** The same of all secrets, by path, without their values. */
  readonly policies: () => readonly SecretPolicy[];
  readonly insertRetired: (row: RetiredRow) => void;
  /** The newest first. */
  readonly retired: (path: string) => readonly RetiredRow[];
  readonly everyRetired: () => readonly RetiredRow[];
  readonly removeRetired: (path: string, version: number) => void;
  /** Rows under data keys below the number. */
  readonly staleSecrets: (dataKey: number, count: number) => readonly SecretRow[];
  readonly staleInternals: (dataKey: number) => readonly InternalRow[];
  readonly staleCount: (dataKey: number) => number;
  readonly insertInternal: (row: InternalRow) => void;
  readonly replaceInternal: (row: InternalRow) => void;
  readonly internal: (name: string) => InternalRow | undefined;
}

export function createSecretTable(database: Database.Database): SecretTable {
  const insert = database.prepare(`
    INSERT INTO secrets (path, version, services, bindings, set_ms, until_ms, data_key, nonce, sealed)
    VALUES (@path, @version, @services, @bindings, @setMs, @untilMs, @dataKey, @nonce, @sealed)
  `);
  const replace = database.prepare(`
    UPDATE secrets SET services = @services, bindings = @bindings, set_ms = @setMs,
      until_ms = @untilMs, data_key = @dataKey, nonce = @nonce, sealed = @sealed
    WHERE path = @path AND version = @version
  `);
  const remove = database.prepare("DELETE FROM secrets WHERE path = ? AND version = ?");
  const versions = database.prepare<[string], Stored<SecretRow>>(
    `SELECT ${policyColumns}, nonce, sealed FROM secrets WHERE path = ? ORDER BY version DESC`,
  );
  const policies = database.prepare<[], Stored<SecretPolicy>>(
    `SELECT ${policyColumns} FROM secrets ORDER BY path, version DESC`,
  );
  const stale = database.prepare<[number, number], Stored<SecretRow>>(
    `SELECT ${policyColumns}, nonce, sealed FROM secrets WHERE data_key < ? LIMIT ?`,
  );
  const staleCount = database
    .prepare<[number, number], number>(
      `SELECT (SELECT count(*) FROM secrets WHERE data_key < ?)
        + (SELECT count(*) FROM internals WHERE data_key < ?)`,
    )
    .pluck();
  const staleInternals = database.prepare<[number], InternalRow>(
    `SELECT ${internalColumns} FROM internals WHERE data_key < ?`,
  );
  /** Every call to a service asks for its secret. What a transaction sees may yet be undone, and is not kept. */
  const read = new Map<string, readonly SecretRow[]>();
  const write = (change: Database.Statement, ...values: unknown[]) => {
    read.clear();
    change.run(...values);
  };
  return {
    insertSecret: (row) => write(insert, toStored(row)),
    replaceSecret: (row) => write(replace, toStored(row)),
    removeSecret: (path, version) => write(remove, path, version),
    versions(path) {
      const rows = read.get(path) ?? versions.all(path).map(fromStored<SecretRow>);
      if (!database.inTransaction && rows.length > 0) read.set(path, rows);
      return rows;
    },
    policies: () => policies.all().map(fromStored<SecretPolicy>),
    staleSecrets: (dataKey, count) => stale.all(dataKey, count).map(fromStored<SecretRow>),
    staleInternals: (dataKey) => staleInternals.all(dataKey),
    staleCount: (dataKey) => staleCount.get(dataKey, dataKey) ?? 0,
    ...createRetiredTable(database),
    ...createInternalTable(database),
  };
}

function createRetiredTable(
  database: Database.Database,
): Pick<SecretTable, "insertRetired" | "retired" | "everyRetired" | "removeRetired"> {
  const columns = "path, version, set_ms AS setMs, retired_ms AS retiredMs";
  const insert = database.prepare(
    "INSERT INTO retired (path, version, set_ms, retired_ms) VALUES (@path, @version, @setMs, @retiredMs)",
  );
  const ofPath = database.prepare<[string], RetiredRow>(
    `SELECT ${columns} FROM retired WHERE path = ? ORDER BY version DESC`,
  );
  const all = database.prepare<[], RetiredRow>(
    `SELECT ${columns} FROM retired ORDER BY path, version DESC`,
  );
  const remove = database.prepare("DELETE FROM retired WHERE path = ? AND version = ?");
  return {
    insertRetired: (row) => void insert.run(row),
    retired: (path) => ofPath.all(path),
    everyRetired: () => all.all(),
    removeRetired: (path, version) => void remove.run(path, version),
  };
}

function createInternalTable(
  database: Database.Database,
): Pick<SecretTable, "insertInternal" | "replaceInternal" | "internal"> {
  const insert = database.prepare(
    "INSERT INTO internals (name, data_key, nonce, sealed) VALUES (@name, @dataKey, @nonce, @sealed)",
  );
  const replace = database.prepare(
    "UPDATE internals SET data_key = @dataKey, nonce = @nonce, sealed = @sealed WHERE name = @name",
  );
  const internal = database.prepare<[string], InternalRow>(
    `SELECT ${internalColumns} FROM internals WHERE name = ?`,
  );
  return {
    insertInternal: (row) => void insert.run(row),
    replaceInternal: (row) => void replace.run(row),
    internal: (name) => internal.get(name),
  };
}

const policyColumns = `path, version, services, bindings, set_ms AS setMs, until_ms AS untilMs,
  data_key AS dataKey`;
const internalColumns = "name, data_key AS dataKey, nonce, sealed";

type Stored<Row extends SecretPolicy> = Omit<Row, "services" | "bindings"> & {
  readonly services: string;
  readonly bindings: string;
};

/** Names of services have no spaces. */
function toStored(row: SecretRow): Stored<SecretRow> {
  return { ...row, services: row.services.join(" "), bindings: JSON.stringify(row.bindings) };
}

function fromStored<Row extends SecretPolicy>(row: Stored<Row>): Row {
  const { services, bindings: json, ...rest } = row;
  return {
    ...rest,
    services: services.split(" "),
    bindings: parseBindings(json),
  } as unknown as Row;
}

/** What does not parse was changed, and does not open either. */
function parseBindings(json: string): SecretBinding[] {
  try {
    return bindings.parse(JSON.parse(json));
  } catch {
    return [];
  }
}

const bindings = z.array(z.strictObject({ service: z.string(), injection: z.string() }));
