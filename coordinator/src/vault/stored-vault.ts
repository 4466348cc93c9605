import { refuse } from "@cohort/proto/problem";
import { Changes } from "./changes.ts";
import { DataKeys, type Keyrings } from "./data-keys.ts";
import {
  chooseMethod,
  deriveKey,
  type KeyKind,
  type VaultKey,
  wipeKey,
  wrongKey,
} from "./key-method.ts";
import { type Keyring, openKeys, rewrapRoot } from "./keyring.ts";
import { listSecrets, listVersions } from "./listing.ts";
import type { MachineKey } from "./machine-key.ts";
import { OwnKeys } from "./own-keys.ts";
import { SecretVersions } from "./secret-versions.ts";
import type {
  DataKeyStatus,
  Destination,
  NewSecret,
  SecretListing,
  Vault,
  VaultChanges,
  VersionListing,
} from "./vault.ts";
import type { VaultStore } from "./vault-store.ts";

/** The vault over its file. The keyring of secrets is null while they are sealed. */
export class StoredVault implements Vault {
  readonly changes: VaultChanges;
  readonly #store: VaultStore;
  readonly #machine: MachineKey;
  readonly #own: OwnKeys;
  readonly #versions: SecretVersions;
  readonly #dataKeys: DataKeys;
  readonly #changes: Changes;
  #ownKeyring: Keyring;
  #keyring: Keyring | null = null;

  constructor(store: VaultStore, machine: MachineKey, own: Keyring) {
    this.#store = store;
    this.#machine = machine;
    this.#ownKeyring = own;
    this.#own = new OwnKeys(store, () => this.#ownKeyring);
    const changes = new Changes(store, (bytes) => this.#own.keyedHash("vault-change", bytes));
    this.#changes = changes;
    this.#versions = new SecretVersions(store, changes, () => this.#opened());
    this.#dataKeys = new DataKeys(store, changes);
    this.changes = {
      mark: () => changes.mark(),
      pending: () => changes.pending(),
      recorded: (generation, checkpoint) => changes.recorded(generation, checkpoint),
      anchor: () => changes.anchor(),
      accept: (known, actor, reason) =>
        changes.adopt(known, (vault) => ({
          $case: "vaultAccepted",
          value: { actor, reason, vault },
        })),
    };
  }

  get sealed(): boolean {
    return this.#keyring === null;
  }

  get kind(): KeyKind {
    return this.#store.keys("secrets").root.method.kind;
  }

  get dataKey(): DataKeyStatus {
    return this.#dataKeys.status();
  }

  async unseal(source: VaultKey): Promise<void> {
    const key = await this.#derive(source);
    try {
      const opened = openKeys("secrets", key, this.#store.keys("secrets"));
      this.#keyring?.wipe();
      this.#keyring = opened;
    } finally {
      key.fill(0);
    }
  }

  seal(): void {
    this.#keyring?.wipe();
    this.#keyring = null;
  }

  set(secret: NewSecret): number {
    return this.#versions.set(secret);
  }

  retire(path: string, version: number, actor: string, nowMs: number): number {
    return this.#versions.retire(path, version, actor, nowMs);
  }

  delete(path: string, actor: string, nowMs: number): number {
    return this.#versions.delete(path, actor, nowMs);
  }

  endOverlaps(nowMs: number): void {
    this.#versions.endOverlaps(nowMs);
  }

  async withSecret<T>(
    path: string,
    destination: Destination,
    use: (value: Buffer) => Promise<T>,
  ): Promise<T> {
    const newest = this.#store.versions(path).slice(0, 1);
    const lent = await this.#versions.lend(path, destination, newest, async (value) => ({
      result: await use(value),
    }));
    return (lent as { result: T }).result;
  }

  withEachSecret<T>(
    path: string,
    destination: Destination,
    nowMs: number,
    use: (value: Buffer) => Promise<T | null>,
  ): Promise<T | null> {
    const isGood = ({ untilMs }: { untilMs: number }) => untilMs === 0 || nowMs < untilMs;
    return this.#versions.lend(path, destination, this.#store.versions(path).filter(isGood), use);
  }

  list(): readonly SecretListing[] {
    return listSecrets(this.#store);
  }

  versions(path: string): readonly VersionListing[] {
    return listVersions(this.#store, path);
  }

  internal(name: string, make: () => Buffer): Buffer {
    return this.#own.internal(name, make);
  }

  derive(purpose: string): Buffer {
    return this.#own.derive(purpose);
  }

  keyedHash(purpose: string, bytes: Uint8Array): Buffer {
    return this.#own.keyedHash(purpose, bytes);
  }

  async changeKey(change: { former: VaultKey; next: VaultKey; actor: string }): Promise<void> {
    const { former, next, actor } = change;
    try {
      const method = chooseMethod(next);
      const formerKey = await this.#derive(former);
      try {
        const key = await deriveKey(next, method, this.#machine.read);
        try {
          this.#rewrapSecrets(formerKey, { key, method }, actor);
        } finally {
          key.fill(0);
        }
      } finally {
        formerKey.fill(0);
      }
    } finally {
      wipeKey(former);
      wipeKey(next);
    }
  }

  changeMachineKey(actor: string): void {
    this.#machine.prepareNext();
    const former = this.#machine.read();
    const key = this.#machine.readNext();
    if (key === null) throw wrongKey();
    const isMachines = this.kind === "machine";
    const next = { key, method: { kind: "machine" } as const };
    const rewrap = (ring: "own" | "secrets") => {
      const { root } = this.#store.keys(ring);
      this.#store.replaceRoot(ring, rewrapRoot(ring, root, former, next));
    };
    try {
      this.#changes.write(
        () => {
          rewrap("own");
          if (isMachines) rewrap("secrets");
        },
        (vault) => ({
          $case: "vaultKeyChanged",
          value: { actor, ring: isMachines ? "both" : "own", kind: "machine", vault },
        }),
      );
    } finally {
      for (const secret of [former, key]) secret.fill(0);
    }
    this.#store.purge();
    this.#machine.promote();
  }

  changeDataKey(actor: string): void {
    this.#dataKeys.change(this.#keyrings(), actor);
    this.#reopen();
  }

  resealSome(): void {
    if (this.#dataKeys.resealSome(this.#keyrings())) this.#reopen();
  }

  close(): void {
    this.seal();
    this.#ownKeyring.wipe();
    this.#store.close();
  }

  async #derive(source: VaultKey): Promise<Buffer> {
    try {
      const { method } = this.#store.keys("secrets").root;
      return await deriveKey(source, method, this.#machine.read);
    } finally {
      wipeKey(source);
    }
  }

  #rewrapSecrets(former: Buffer, next: Parameters<typeof rewrapRoot>[3], actor: string): void {
    const { kind } = next.method;
    this.#changes.write(
      () => {
        const { root } = this.#store.keys("secrets");
        this.#store.replaceRoot("secrets", rewrapRoot("secrets", root, former, next));
      },
      (vault) => ({ $case: "vaultKeyChanged", value: { actor, ring: "secrets", kind, vault } }),
    );
    this.#store.purge();
  }

  #reopen(): void {
    const { own, secrets } = this.#keyrings();
    this.#ownKeyring = own.reopened(this.#store.keys("own"));
    this.#keyring = secrets.reopened(this.#store.keys("secrets"));
    for (const former of [own, secrets]) former.wipe();
  }

  #keyrings(): Keyrings {
    return { own: this.#ownKeyring, secrets: this.#opened() };
  }

  #opened(): Keyring {
    if (this.#keyring !== null) return this.#keyring;
    throw refuse("VAULT_SEALED", "the vault is sealed", {
      hint: "Unseal it: `cohort vault unseal`.",
    });
  }
}
