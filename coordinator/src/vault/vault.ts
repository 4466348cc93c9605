import { existsSync } from "node:fs";
import { refuse } from "@cohort/proto/problem";
import { chooseMethod, deriveKey, type KeySource } from "./key-source.ts";
import { createKeys, openKeys } from "./keyring.ts";
import { openSecretStore, type SecretStore } from "./secret-store.ts";
import { StoredVault } from "./stored-vault.ts";

/**
 * Secrets at rest. They go in by `set` and come out only inside `withSecret`, for a service that the
 * secret's own policy names. Everything but `unseal` and `close` throws VAULT_SEALED until the vault
 * was given its key. What is written is on disk when the call returns.
 */
export interface Vault {
  readonly sealed: boolean;
  /** Throws VAULT_KEY_WRONG. Wipes a passphrase that it is given. */
  unseal(source: KeySource): Promise<void>;
  /**
   * Keeps a new version, bound to the services that may be given it, and returns its number, from 1.
   * Wipes `value`, whatever happens. Throws NAME_INVALID, USAGE or LIMIT_EXCEEDED.
   */
  set(path: string, value: Buffer, services: readonly string[], nowMs: number): number;
  /**
   * Lends the newest version of a secret for as long as `use` runs; the buffer is wiped after.
   * Throws SECRET_UNAVAILABLE, in the same words whether the secret is missing, not granted to the
   * service, or was tampered with.
   */
  withSecret<T>(path: string, service: string, use: (value: Buffer) => Promise<T>): Promise<T>;
  /** The newest version of each secret, by path; never a value. */
  list(): readonly SecretListing[];
  /**
   * Something of the coordinator's own under a name: what `make` gives at the first call, the same
   * ever after. Never listed, and no path of `withSecret`. The caller wipes it.
   */
  internal(name: string, make: () => Buffer): Buffer;
  /** 32 bytes that depend on the root key and the purpose alone. The caller wipes them. */
  derive(purpose: string): Buffer;
  /** BLAKE2b-256 under a key that is the purpose's own: says that two values are equal, to nobody else. */
  keyedHash(purpose: string, bytes: Uint8Array): Buffer;
  /** Wipes the keys and closes the file. */
  close(): void;
}

export interface SecretListing {
  readonly path: string;
  readonly version: number;
  readonly setMs: number;
  readonly services: readonly string[];
}

/** A new vault, unsealed. Throws SETUP_FAILED when there is one at the path, USAGE for a weak passphrase. */
export async function createVault(path: string, source: KeySource): Promise<Vault> {
  if (existsSync(path)) throw refuse("SETUP_FAILED", `there is a vault at ${path}`);
  const method = chooseMethod(source);
  const key = await deriveKey(source, method);
  try {
    const store = openSecretStore(path, createKeys(key, method));
    return unsealed(store, key);
  } finally {
    key.fill(0);
  }
}

/** The vault of a file, sealed. Throws SETUP_FAILED when there is none. */
export function openVault(path: string): Vault {
  return new StoredVault(openSecretStore(path, null), null);
}

/** Opens the keys as the file has them: another process may have made the vault meanwhile. */
function unsealed(store: SecretStore, key: Uint8Array): Vault {
  try {
    return new StoredVault(store, openKeys(key, store.keys()));
  } catch (error) {
    store.close();
    throw error;
  }
}
