import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { createKeyFile } from "./key-file.ts";
import { createVault, openVault, type Vault } from "./vault.ts";

/**
 * The coordinator's vault, unsealed with its key file; both are made when there is neither. A vault
 * whose key file is gone stays shut: a new key would not open it. Throws VAULT_KEY_WRONG,
 * SETUP_FAILED.
 */
export async function provideVault(dataDir: string, keyFile: string): Promise<Vault> {
  const path = join(dataDir, "vault.db");
  const source = { kind: "key-file", path: keyFile } as const;
  if (!existsSync(path)) {
    mkdirSync(dataDir, { recursive: true, mode: 0o700 });
    mkdirSync(dirname(keyFile), { recursive: true, mode: 0o700 });
    if (!existsSync(keyFile)) createKeyFile(keyFile);
    return createVault(path, source);
  }
  const vault = openVault(path);
  await vault.unseal(source);
  return vault;
}
