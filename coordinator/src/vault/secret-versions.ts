import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { isSecretPath } from "@cohort/proto/secret-path";
import { isName } from "@cohort/proto/subjects";
import type { Changes } from "./changes.ts";
import type { Keyring } from "./keyring.ts";
import { vaultLimits } from "./limits.ts";
import { openSecret, sealSecret } from "./secret-envelope.ts";
import type { SecretPolicy, SecretRow } from "./secret-table.ts";
import type { Destination, NewSecret } from "./vault.ts";
import type { VaultStore } from "./vault-store.ts";

/** Secrets and their versions: the newest is in use, and one before it may be good for a while. */
export class SecretVersions {
  readonly #store: VaultStore;
  readonly #changes: Changes;
  readonly #keyring: () => Keyring;

  constructor(store: VaultStore, changes: Changes, keyring: () => Keyring) {
    this.#store = store;
    this.#changes = changes;
    this.#keyring = keyring;
  }

  set(secret: NewSecret): number {
    const { path, value, actor, nowMs, overlapMs } = secret;
    try {
      const keyring = this.#keyring();
      const services = [...new Set(secret.services)].sort();
      checkSecret(secret, services);
      const [current] = this.#store.versions(path);
      if (current === undefined) this.#checkRoom();
      const version = this.#lastVersion(path) + 1;
      const bindings = secret.bindings.filter(({ service }) => services.includes(service));
      const formerUntilMs = current === undefined || overlapMs === 0 ? 0 : nowMs + overlapMs;
      const row = { path, version, services, bindings, setMs: nowMs, untilMs: 0 };
      this.#changes.write(
        () => {
          this.#endFormer(path, formerUntilMs, nowMs);
          this.#store.insertSecret(sealSecret(keyring, row, value));
          this.#store.countUse("secrets", keyring.current.number);
        },
        (vault) => ({
          $case: "secretSet",
          value: { actor, path, version, services, bindings, formerUntilMs, vault },
        }),
      );
      if (current !== undefined) this.#store.purge();
      return version;
    } finally {
      value.fill(0);
    }
  }

  /** Ends a version, the former one for 0; the one before it is in use again when it was the newest. */
  retire(path: string, wanted: number, actor: string, nowMs: number): number {
    const [current, former] = this.#known(path);
    const row = [current, former].find((it) => it?.version === (wanted || former?.version));
    if (row === undefined) throw secretUnknown(`${path} has no such version that is good`);
    if (row === current && former === undefined) {
      throw refuse("USAGE", `version ${row.version} is the only one of ${path}`, {
        hint: `Set another, or \`cohort secret delete ${path}\`.`,
      });
    }
    const { version } = row;
    this.#changes.write(
      () => {
        this.#destroy(row, nowMs);
        if (row === current && former !== undefined) this.#reseal(former, { untilMs: 0 });
      },
      (vault) => ({ $case: "secretRetired", value: { actor, path, version, vault } }),
    );
    this.#store.purge();
    return version;
  }

  delete(path: string, actor: string, nowMs: number): number {
    const rows = this.#known(path);
    const version = rows[0].version;
    this.#changes.write(
      () => {
        for (const row of rows) this.#destroy(row, nowMs);
      },
      (vault) => ({ $case: "secretDeleted", value: { actor, path, version, vault } }),
    );
    this.#store.purge();
    return version;
  }

  /** Destroys versions whose time is over. */
  endOverlaps(nowMs: number): void {
    const over = this.#store.policies().filter((it) => it.untilMs !== 0 && nowMs >= it.untilMs);
    for (const row of over) {
      const { path, version } = row;
      this.#changes.write(
        () => this.#destroy(row, nowMs),
        (vault) => ({ $case: "secretRetired", value: { actor: "", path, version, vault } }),
      );
    }
    if (over.length > 0) this.#store.purge();
  }

  /** Tries the newest version, then the one before it while that is good, until `use` gives something. */
  async lend<T>(
    path: string,
    destination: Destination,
    rows: readonly SecretRow[],
    use: (value: Buffer) => Promise<T | null>,
  ): Promise<T | null> {
    const keyring = this.#keyring();
    if (rows.length === 0) throw unavailable(`there is no secret at ${path}`);
    for (const row of rows) {
      const value = openFor(keyring, row, destination);
      try {
        const result = await use(value);
        if (result !== null) return result;
      } finally {
        value.fill(0);
      }
    }
    return null;
  }

  #endFormer(path: string, formerUntilMs: number, nowMs: number): void {
    const [current, ...older] = this.#store.versions(path);
    for (const row of older) this.#destroy(row, nowMs);
    if (current === undefined) return;
    if (formerUntilMs === 0) this.#destroy(current, nowMs);
    else this.#reseal(current, { untilMs: formerUntilMs });
  }

  #reseal(row: SecretRow, change: Partial<SecretPolicy>): void {
    const keyring = this.#keyring();
    const value = openSecret(keyring, row);
    if (value === null) throw changed(row);
    try {
      this.#store.replaceSecret(sealSecret(keyring, { ...row, ...change }, value));
      this.#store.countUse("secrets", keyring.current.number);
    } finally {
      value.fill(0);
    }
  }

  #destroy({ path, version, setMs }: SecretPolicy, nowMs: number): void {
    this.#store.removeSecret(path, version);
    this.#store.insertRetired({ path, version, setMs, retiredMs: nowMs });
    // The newest stays for good: no version number is ever given twice.
    for (const old of this.#store.retired(path).slice(vaultLimits.retiredListedMax)) {
      this.#store.removeRetired(path, old.version);
    }
  }

  #known(path: string): readonly [SecretRow, ...SecretRow[]] {
    this.#keyring();
    const [first, ...rest] = this.#store.versions(path);
    if (first === undefined) throw secretUnknown(`there is no secret at ${path}`);
    return [first, ...rest];
  }

  #lastVersion(path: string): number {
    const [live] = this.#store.versions(path);
    const [retired] = this.#store.retired(path);
    return Math.max(live?.version ?? 0, retired?.version ?? 0);
  }

  #checkRoom(): void {
    if (this.#store.policies().length < vaultLimits.secretsMax) return;
    throw refuse("LIMIT_EXCEEDED", `the vault has ${vaultLimits.secretsMax} secrets already`);
  }
}

/** The cause never leaves the process: a caller is told the same always. */
export function unavailable(reason: string): CohortError {
  const message = "the call cannot be given its credential";
  return refuse("SECRET_UNAVAILABLE", message, {}, new Error(reason));
}

function openFor(keyring: Keyring, row: SecretRow, { service, injection }: Destination): Buffer {
  if (!row.services.includes(service)) throw unavailable("the service is not granted it");
  const bound = row.bindings.find((it) => it.service === service);
  if (bound !== undefined && bound.injection !== injection) {
    throw unavailable("the service would send it otherwise than when it was set");
  }
  const value = openSecret(keyring, row);
  if (value === null) throw unavailable("its row was changed");
  return value;
}

export function secretUnknown(message: string): CohortError {
  return refuse("SECRET_UNKNOWN", message, { hint: "`cohort secret list` shows what there is." });
}

function changed({ path, version }: SecretPolicy): CohortError {
  return refuse("INTERNAL", `version ${version} of ${path} was changed in the vault's file`, {
    hint: `Restore a backup, or \`cohort secret delete ${path}\` and set it anew.`,
  });
}

function checkSecret({ path, value, overlapMs }: NewSecret, services: readonly string[]): void {
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
  if (!(overlapMs >= 0 && overlapMs <= vaultLimits.overlapMsMax)) {
    throw refuse(
      "USAGE",
      "a version stays good for 90 days at most beside the one that follows it",
    );
  }
}
