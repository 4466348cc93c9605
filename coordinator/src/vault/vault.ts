import { existsSync } from "node:fs";
import type { SecretBinding, VaultMark } from "@cohort/proto/gen/cohort/ledger";
import { refuse } from "@cohort/proto/problem";
import type { InternalSecrets } from "../setup/internal-secrets.ts";
import type { PendingChange } from "./changes.ts";
import { chooseMethod, deriveKey, type KeyKind, type VaultKey } from "./key-method.ts";
import { createKeys } from "./keyring.ts";
import type { MachineKey } from "./machine-key.ts";
import { openOwnKeyring } from "./own-keyring.ts";
import { StoredVault } from "./stored-vault.ts";
import { openVaultStore } from "./vault-store.ts";

/**
 * Two things at rest, each under keys of its own. The coordinator's own keys open with the key of the
 * machine and are there as long as it runs. Secrets are sealed until the vault was given what opens them;
 * they go in by `set` and come out only inside `withSecret`, for a service that the secret's own policy
 * names, and sent as it says. What is written is on disk when the call returns, with the event that tells
 * the ledger of it.
 */
export interface Vault extends InternalSecrets {
  /** Whether secrets are sealed. What needs them throws VAULT_SEALED then. */
  readonly sealed: boolean;
  /** What opens secrets. Throws VAULT_KEY_WRONG when the file was changed. */
  readonly kind: KeyKind;
  /** Throws VAULT_KEY_WRONG. Wipes the key that it is given. */
  unseal(key: VaultKey): Promise<void>;
  /** Wipes the keys of secrets. */
  seal(): void;
  /**
   * Keeps a new version and returns its number, from 1. Wipes the value, whatever happens. Throws
   * NAME_INVALID, USAGE or LIMIT_EXCEEDED.
   */
  set(secret: NewSecret): number;
  /**
   * Ends a version at once, the former one for 0; when it was the newest, the one before it is in use again.
   * The number of the one that ended. Throws SECRET_UNKNOWN, USAGE.
   */
  retire(path: string, version: number, actor: string, nowMs: number): number;
  /** Ends all versions. The number of the newest. Throws SECRET_UNKNOWN. */
  delete(path: string, actor: string, nowMs: number): number;
  /** Ends versions whose time is over. */
  endOverlaps(nowMs: number): void;
  /**
   * Lends the newest version of a secret for as long as `use` runs; the buffer is wiped after.
   * Throws SECRET_UNAVAILABLE, in the same words whether the secret is missing, not granted to the
   * service, would be sent otherwise than it may, or was tampered with.
   */
  withSecret<T>(
    path: string,
    destination: Destination,
    use: (value: Buffer) => Promise<T>,
  ): Promise<T>;
  /** The same of each version that is good, the newest first, until `use` gives something. */
  withEachSecret<T>(
    path: string,
    destination: Destination,
    nowMs: number,
    use: (value: Buffer) => Promise<T | null>,
  ): Promise<T | null>;
  /** The newest version of each secret, by path; never a value. Sealed or not. */
  list(): readonly SecretListing[];
  /** The newest first. Throws SECRET_UNKNOWN. */
  versions(path: string): readonly VersionListing[];
  /** 32 bytes that depend on the root key of the own keys and the purpose alone. The caller wipes them. */
  derive(purpose: string): Buffer;
  /** BLAKE2b-256 under a key that is the purpose's own: says that two values are equal, to nobody else. */
  keyedHash(purpose: string, bytes: Uint8Array): Buffer;
  /** Secrets open with another key from now on. Wipes both. Throws VAULT_KEY_WRONG, USAGE. */
  changeKey(change: { former: VaultKey; next: VaultKey; actor: string }): Promise<void>;
  /** The machine has another key from now on. Throws VAULT_KEY_WRONG, SETUP_FAILED, USAGE. */
  changeMachineKey(actor: string): void;
  /** What is sealed from now on is so under another data key; `resealSome` brings the rest there. */
  changeDataKey(actor: string): void;
  readonly dataKey: DataKeyStatus;
  /** Seals some of what is under older data keys anew, and ends those keys when nothing is left. */
  resealSome(): void;
  readonly changes: VaultChanges;
  /** Wipes all keys and closes the file. */
  close(): void;
}

/** What the ledger is to know of the file. */
export interface VaultChanges {
  mark(): VaultMark;
  pending(): readonly PendingChange[];
  recorded(generation: number, checkpoint: string): void;
  anchor(): string;
  /** The file as it is follows upon what the ledger knows, an event says so. */
  accept(known: number, actor: string, reason: string): void;
}

/** Who is to be given a secret, and how it will be sent: see proxy/injection.ts. */
export interface Destination {
  readonly service: string;
  readonly injection: string;
}

export interface NewSecret {
  readonly path: string;
  readonly value: Buffer;
  /** That may be given it. */
  readonly services: readonly string[];
  /** How those send it, where that is known. */
  readonly bindings: readonly SecretBinding[];
  /** How long the version before is good; 0: it ends at once. */
  readonly overlapMs: number;
  readonly actor: string;
  readonly nowMs: number;
}

export interface SecretListing {
  readonly path: string;
  readonly version: number;
  readonly setMs: number;
  readonly services: readonly string[];
  readonly bindings: readonly SecretBinding[];
  /** 0 when there is none. */
  readonly formerVersion: number;
  readonly formerUntilMs: number;
}

export interface VersionListing {
  readonly version: number;
  readonly state: "current" | "former" | "retired";
  readonly setMs: number;
  /** The end of its time, or when it ended; 0 for the current one. */
  readonly untilMs: number;
  readonly services: readonly string[];
  readonly bindings: readonly SecretBinding[];
}

export interface DataKeyStatus {
  readonly number: number;
  /** Encryptions under it, of the ring that had more. */
  readonly uses: number;
  /** Rows that are still under older ones. */
  readonly resealLeft: number;
}

/**
 * A new vault, sealed; secrets open with `key`, which is wiped. Throws SETUP_FAILED when there is one at
 * the path, USAGE for a weak passphrase.
 */
export async function createVault(
  path: string,
  machine: MachineKey,
  key: VaultKey = { kind: "machine" },
): Promise<Vault> {
  if (existsSync(path)) throw refuse("SETUP_FAILED", `there is a vault at ${path}`);
  const method = chooseMethod(key);
  const secretsKey = await deriveKey(key, method, machine.read);
  const machineKey = machine.read();
  try {
    const own = createKeys("own", machineKey, { kind: "machine" });
    const secrets = createKeys("secrets", secretsKey, method);
    openVaultStore(path, { own, secrets }).close();
  } finally {
    for (const secret of [secretsKey, machineKey]) secret.fill(0);
  }
  // As the file has it: another process may have made the vault meanwhile.
  return openVault(path, machine);
}

/** The vault of a file, secrets sealed. Throws SETUP_FAILED when there is none, VAULT_KEY_WRONG. */
export function openVault(path: string, machine: MachineKey): Vault {
  const store = openVaultStore(path, null);
  try {
    return new StoredVault(store, machine, openOwnKeyring(store, machine));
  } catch (error) {
    store.close();
    throw error;
  }
}
