import type { Changes } from "./changes.ts";
import type { Keyring, Ring } from "./keyring.ts";
import { vaultLimits } from "./limits.ts";
import { openInternal, sealInternal } from "./own-keys.ts";
import { openSecret, sealSecret } from "./secret-envelope.ts";
import type { DataKeyStatus } from "./vault.ts";
import type { VaultStore } from "./vault-store.ts";

/** Both rings, open. */
export type Keyrings = Readonly<Record<Ring, Keyring>>;

/**
 * Replaces data keys. A new one is for all that is sealed from then on; rows under older ones are sealed
 * anew some at a time, each in a transaction that leaves it readable; and only when no row is left are the
 * older keys destroyed. So it may be cut off anywhere, and is gone on with from what the file says.
 */
export class DataKeys {
  readonly #store: VaultStore;
  readonly #changes: Changes;

  constructor(store: VaultStore, changes: Changes) {
    this.#store = store;
    this.#changes = changes;
  }

  /** Throws when nothing was changed. The keyrings are to be opened again. */
  change({ own, secrets }: Keyrings, actor: string): void {
    const number = Math.max(own.current.number, secrets.current.number) + 1;
    this.#changes.write(
      () => {
        this.#store.insertDataKey("own", number, own.wrapDataKey(number));
        this.#store.insertDataKey("secrets", number, secrets.wrapDataKey(number));
      },
      (vault) => ({ $case: "dataKeyRotated", value: { actor, number, vault } }),
    );
  }

  status(): DataKeyStatus {
    const numbers = (["own", "secrets"] as const).map((ring) => this.#current(ring));
    const number = Math.max(...numbers);
    return {
      number,
      uses: Math.max(this.#store.uses("own", number), this.#store.uses("secrets", number)),
      resealLeft: this.#store.staleCount(number),
    };
  }

  /** Whether older keys were destroyed: the keyrings are to be opened again. */
  resealSome(keyrings: Keyrings): boolean {
    const { number } = keyrings.secrets.current;
    if (this.#store.staleCount(number) > 0) {
      this.#store.transact(() => this.#reseal(keyrings));
      return false;
    }
    const isOlder = (it: number) => it < number;
    if (![...this.#store.keys("secrets").dataKeys.keys()].some(isOlder)) return false;
    this.#changes.write(
      () => this.#store.removeDataKeys(number),
      (vault) => ({ $case: "dataKeyRetired", value: { below: number, vault } }),
    );
    this.#store.purge();
    return true;
  }

  /** A row that does not open was changed: it keeps its key, and its key stays. */
  #reseal({ own, secrets }: Keyrings): void {
    const { number } = secrets.current;
    for (const row of this.#store.staleInternals(number)) {
      const value = openInternal(own, row);
      if (value === null) continue;
      this.#store.replaceInternal(sealInternal(own, row.name, value));
      this.#store.countUse("own", number);
      value.fill(0);
    }
    for (const row of this.#store.staleSecrets(number, vaultLimits.resealRowsMax)) {
      const value = openSecret(secrets, row);
      if (value === null) continue;
      this.#store.replaceSecret(sealSecret(secrets, row, value));
      this.#store.countUse("secrets", number);
      value.fill(0);
    }
  }

  #current(ring: Ring): number {
    return Math.max(...this.#store.keys(ring).dataKeys.keys());
  }
}
