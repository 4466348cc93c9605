import { parseJson } from "@cohort/proto/json";
import type Database from "better-sqlite3";
import type { Envelope } from "./envelope.ts";
import { keyMethod, wrongKey } from "./key-method.ts";
import type { Ring, WrappedKeys, WrappedRoot } from "./keyring.ts";

/** Keys of both rings, wrapped. */
export interface KeyTable {
  /** Throws VAULT_KEY_WRONG when its rows are not such as a vault has. */
  readonly keys: (ring: Ring) => WrappedKeys;
  readonly replaceRoot: (ring: Ring, root: WrappedRoot) => void;
  readonly insertDataKey: (ring: Ring, number: number, key: Envelope) => void;
  readonly removeDataKeys: (below: number) => void;
  /** Counts an encryption under the key. */
  readonly countUse: (ring: Ring, number: number) => void;
  readonly uses: (ring: Ring, number: number) => number;
}

export function createKeyTable(database: Database.Database): KeyTable {
  const root = database.prepare<[Ring], Envelope & { readonly method: string }>(
    "SELECT method, nonce, sealed FROM root_keys WHERE ring = ?",
  );
  const dataKeys = database.prepare<[Ring], Envelope & { readonly number: number }>(
    "SELECT number, nonce, sealed FROM data_keys WHERE ring = ?",
  );
  const replaceRoot = database.prepare(
    "UPDATE root_keys SET method = ?, nonce = ?, sealed = ? WHERE ring = ?",
  );
  const insert = database.prepare(insertDataKeySql);
  const remove = database.prepare("DELETE FROM data_keys WHERE number < ?");
  const count = database.prepare(
    "UPDATE data_keys SET uses = uses + 1 WHERE ring = ? AND number = ?",
  );
  const uses = database
    .prepare<[Ring, number], number>("SELECT uses FROM data_keys WHERE ring = ? AND number = ?")
    .pluck();
  return {
    keys(ring) {
      const row = root.get(ring);
      const method = keyMethod.safeParse(parseJson(row?.method ?? ""));
      if (row === undefined || !method.success) {
        throw wrongKey("The root key was changed: restore a backup.");
      }
      return {
        root: { method: method.data, nonce: row.nonce, sealed: row.sealed },
        dataKeys: new Map(dataKeys.all(ring).map((it) => [it.number, it])),
      };
    },
    replaceRoot: (ring, { method, nonce, sealed }) =>
      void replaceRoot.run(JSON.stringify(method), nonce, sealed, ring),
    insertDataKey: (ring, number, { nonce, sealed }) =>
      void insert.run(ring, number, nonce, sealed),
    removeDataKeys: (below) => void remove.run(below),
    countUse: (ring, number) => void count.run(ring, number),
    uses: (ring, number) => uses.get(ring, number) ?? 0,
  };
}

/** Of a new vault. */
export function insertKeys(
  database: Database.Database,
  ring: Ring,
  { root, dataKeys }: WrappedKeys,
): void {
  database
    .prepare("INSERT INTO root_keys (ring, method, nonce, sealed) VALUES (?, ?, ?, ?)")
    .run(ring, JSON.stringify(root.method), root.nonce, root.sealed);
  const insert = database.prepare(insertDataKeySql);
  for (const [number, { nonce, sealed }] of dataKeys) insert.run(ring, number, nonce, sealed);
}

const insertDataKeySql =
  "INSERT INTO data_keys (ring, number, uses, nonce, sealed) VALUES (?, ?, 0, ?, ?)";
