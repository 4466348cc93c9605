import { CohortError } from "@cohort/proto/problem";
import { type Keyring, openKeys } from "./keyring.ts";
import type { MachineKey } from "./machine-key.ts";
import type { VaultStore } from "./vault-store.ts";

/**
 * The coordinator's own keys, with the key of the machine; or with the one that was to follow it, when the
 * process that changed them ended in between. Throws VAULT_KEY_WRONG.
 */
export function openOwnKeyring(store: VaultStore, machine: MachineKey): Keyring {
  try {
    const keyring = openWith(store, machine.read());
    machine.discardNext();
    return keyring;
  } catch (error) {
    const next = isWrongKey(error) ? machine.readNext() : null;
    if (next === null) throw error;
    const keyring = openWith(store, next);
    machine.promote();
    return keyring;
  }
}

function openWith(store: VaultStore, key: Buffer): Keyring {
  try {
    return openKeys("own", key, store.keys("own"));
  } finally {
    key.fill(0);
  }
}

function isWrongKey(error: unknown): boolean {
  return error instanceof CohortError && error.code === "VAULT_KEY_WRONG";
}
