import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { isSecretPath } from "@cohort/proto/secret-path";
import { isName } from "@cohort/proto/subjects";
import { type EnvelopeContext, openEnvelope, sealEnvelope } from "./envelope.ts";
import { deriveKey, type KeySource } from "./key-source.ts";
import { type Keyring, openKeys } from "./keyring.ts";
import type { SecretRow, SecretStore } from "./secret-store.ts";
import { sodium } from "./sodium.ts";
import type { SecretListing, Vault } from "./vault.ts";

/** The vault over its file. The keyring is null while it is sealed. */
export class StoredVault implements Vault {
  readonly #store: SecretStore;
  #keyring: Keyring | null;

  constructor(store: SecretStore, keyring: Keyring | null) {
    this.#store = store;
    this.#keyring = keyring;
  }

  get sealed(): boolean {
    return this.#keyring === null;
  }

  async unseal(source: KeySource): Promise<void> {
    const keys = this.#store.keys();
    const key = await deriveKey(source, keys.method);
    try {
      const opened = openKeys(key, keys);
      this.#keyring?.wipe();
      this.#keyring = opened;
    } finally {
      key.fill(0);
    }
  }

  set(path: string, value: Buffer, services: readonly string[], nowMs: number): number {
    try {
      const { current } = this.#opened();
      const policy = [...new Set(services)].sort();
      checkSecret(path, value, policy);
      const version = (this.#store.secret(path)?.version ?? 0) + 1;
      const row = { path, version, services: policy, setMs: nowMs, dataKey: current.number };
      this.#store.insertSecret({ ...row, ...sealEnvelope(current.key, value, secretContext(row)) });
      return version;
    } finally {
      value.fill(0);
    }
  }

  async withSecret<T>(
    path: string,
    service: string,
    use: (value: Buffer) => Promise<T>,
  ): Promise<T> {
    const keyring = this.#opened();
    const row = this.#store.secret(path);
    if (row === undefined) throw unavailable("there is no such secret");
    if (!row.services.includes(service)) throw unavailable("the service is not granted it");
    const value = open(keyring, row, secretContext(row));
    if (value === null) throw unavailable("its row was changed");
    try {
      return await use(value);
    } finally {
      value.fill(0);
    }
  }

  list(): readonly SecretListing[] {
    this.#opened();
    return this.#store
      .secrets()
      .map(({ path, version, setMs, services }) => ({ path, version, setMs, services }));
  }

  internal(name: string, make: () => Buffer): Buffer {
    const keyring = this.#opened();
    const row = this.#store.internal(name);
    if (row === undefined) return this.#makeInternal(keyring, name, make);
    const value = open(keyring, row, internalContext(row));
    if (value !== null) return value;
    throw refuse("INTERNAL", `the vault's own "${name}" was changed`, {
      hint: "Restore a backup.",
    });
  }

  derive(purpose: string): Buffer {
    return this.#opened().derive(`key/${purpose}`);
  }

  keyedHash(purpose: string, bytes: Uint8Array): Buffer {
    const key = this.#opened().derive(`hash/${purpose}`);
    try {
      return Buffer.from(sodium.crypto_generichash(32, bytes, key));
    } finally {
      key.fill(0);
    }
  }

  close(): void {
    this.#keyring?.wipe();
    this.#keyring = null;
    this.#store.close();
  }

  #opened(): Keyring {
    if (this.#keyring !== null) return this.#keyring;
    throw refuse("VAULT_SEALED", "the vault is sealed", { hint: "Unseal it with its key." });
  }

  #makeInternal({ current }: Keyring, name: string, make: () => Buffer): Buffer {
    const value = make();
    const row = { name, dataKey: current.number };
    this.#store.insertInternal({
      ...row,
      ...sealEnvelope(current.key, value, internalContext(row)),
    });
    return value;
  }
}

function open(
  keyring: Keyring,
  row: Pick<SecretRow, "dataKey" | "nonce" | "sealed">,
  context: EnvelopeContext,
): Buffer | null {
  const key = keyring.dataKey(row.dataKey);
  return key === undefined ? null : openEnvelope(key, row, context);
}

function secretContext({
  path,
  version,
  services,
  setMs,
  dataKey,
}: Omit<SecretRow, "nonce" | "sealed">) {
  return { purpose: "secret", path, version, services, setMs, dataKey };
}

function internalContext({ name, dataKey }: { readonly name: string; readonly dataKey: number }) {
  return { purpose: "internal", name, dataKey };
}

/** The reason is the cause, which never leaves the process: a caller is told the same always. */
function unavailable(reason: string): CohortError {
  const message = "the call cannot be given its credential";
  return refuse("SECRET_UNAVAILABLE", message, {}, new Error(reason));
}

function checkSecret(path: string, value: Buffer, services: readonly string[]): void {
  if (!isSecretPath(path)) {
    throw refuse("NAME_INVALID", "a secret's path is two or more lower-case names joined by /", {
      hint: "For example maintenance/api-key.",
    });
  }
  if (services.length === 0 || !services.every(isName)) {
    throw refuse("NAME_INVALID", "a secret must name the services that may be given it");
  }
  if (value.length === 0) throw refuse("USAGE", "a secret must not be empty");
  if (value.length > limits.secretBytesMax) {
    throw refuse("LIMIT_EXCEEDED", `a secret has at most ${limits.secretBytesMax} bytes`);
  }
}
