import Database from "better-sqlite3";
import { createKeyFile } from "../../src/vault/key-file.ts";
import { type MachineKey, machineKeyFile } from "../../src/vault/machine-key.ts";
import { createVault, type NewSecret, type Vault } from "../../src/vault/vault.ts";
import { temporaryPath } from "../kit/temporary-path.ts";

export const secretText = "sk-live-Zq81-Yh2_that nobody else may read?>~";
export const path = "maintenance/api-key";
export const service = "maintenance";
export const machine = { kind: "machine" } as const;

export interface TemporaryVault {
  readonly file: string;
  /** Path of the machine's key. */
  readonly keyFile: string;
  readonly machineKey: MachineKey;
  readonly vault: Vault;
}

/** A new vault that opens with the machine's key, unsealed. */
export async function temporaryVault(): Promise<TemporaryVault> {
  const file = temporaryPath("vault.db");
  const keyFile = newKeyFile();
  const machineKey = machineKeyFile(keyFile);
  const vault = await createVault(file, machineKey);
  await vault.unseal(machine);
  return { file, keyFile, machineKey, vault };
}

export function newKeyFile(): string {
  const path = temporaryPath("vault.key");
  createKeyFile(path);
  return path;
}

/** Sets a secret as an operator does whose service is not known yet. */
export function set(vault: Vault, value: string | Buffer, more: Partial<NewSecret> = {}): number {
  return vault.set({
    path,
    value: Buffer.from(value),
    services: [service],
    bindings: [],
    overlapMs: 0,
    actor: "operator",
    nowMs: 5,
    ...more,
  });
}

/** What the service would be given. */
export function read(
  vault: Vault,
  secret = path,
  by = service,
  injection = "anywhere",
): Promise<string> {
  return vault.withSecret(secret, { service: by, injection }, async (value) => value.toString());
}

export function withSql(file: string, sql: string): void {
  const database = new Database(file);
  database.exec(sql);
  database.close();
}

export function rowsOf<Row>(file: string, sql: string): Row[] {
  const database = new Database(file);
  try {
    return database.prepare<[], Row>(sql).all();
  } finally {
    database.close();
  }
}
