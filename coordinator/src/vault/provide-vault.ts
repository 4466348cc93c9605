import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createKeyFile } from "./key-file.ts";
import { type MachineKey, machineKeyFile } from "./machine-key.ts";
import { createVault, openVault, type Vault } from "./vault.ts";

/**
 * The coordinator's vault, secrets sealed; made, together with the machine's key file, when there is neither.
 * A vault whose key is gone stays shut: a new one would not open it. Throws VAULT_KEY_WRONG, SETUP_FAILED.
 */
export async function provideVault(dataDir: string, keyFile: string): Promise<Vault> {
  const path = vaultPath(dataDir);
  if (!existsSync(path) && !existsSync(keyFile)) {
    mkdirSync(dirname(keyFile), { recursive: true, mode: 0o700 });
    createKeyFile(keyFile);
  }
  return provideVaultWith(dataDir, machineKeyFile(keyFile));
}

/** The same with a key of the machine that is there. */
export async function provideVaultWith(dataDir: string, machine: MachineKey): Promise<Vault> {
  const path = vaultPath(dataDir);
  if (existsSync(path)) return openVault(path, machine);
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  return createVault(path, machine);
}

function vaultPath(dataDir: string): string {
  return join(dataDir, "vault.db");
}
