import Database from "better-sqlite3";
import { createKeyFile } from "../../src/vault/key-file.ts";
import type { KeySource } from "../../src/vault/key-source.ts";
import { createVault, type Vault } from "../../src/vault/vault.ts";
import { temporaryPath } from "../kit/temporary-path.ts";

export const secretText = "sk-live-Zq81-Yh2_that nobody else may read?>~";
export const path = "maintenance/api-key";
export const service = "maintenance";

export interface TemporaryVault {
  readonly file: string;
  readonly source: KeySource & { readonly path: string };
  readonly vault: Vault;
}

/** A new vault that opens with a key file. */
export async function temporaryVault(): Promise<TemporaryVault> {
  const file = temporaryPath("vault.db");
  const source = keyFile();
  return { file, source, vault: await createVault(file, source) };
}

export function keyFile(): KeySource & { readonly path: string } {
  const path = temporaryPath("vault.key");
  createKeyFile(path);
  return { kind: "key-file", path };
}

/** What the service would be given. */
export function read(vault: Vault, secret = path, by = service): Promise<string> {
  return vault.withSecret(secret, by, async (value) => value.toString());
}

export function withSql(file: string, sql: string): void {
  const database = new Database(file);
  database.exec(sql);
  database.close();
}
