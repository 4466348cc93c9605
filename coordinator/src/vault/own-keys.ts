import { refuse } from "@cohort/proto/problem";
import { openEnvelope, sealEnvelope } from "./envelope.ts";
import type { Keyring } from "./keyring.ts";
import type { InternalRow } from "./secret-table.ts";
import { asBuffer, sodium } from "./sodium.ts";
import type { VaultStore } from "./vault-store.ts";

/** What the coordinator itself needs to serve: there from its start, sealed or not. */
export class OwnKeys {
  readonly #store: VaultStore;
  readonly #keyring: () => Keyring;

  constructor(store: VaultStore, keyring: () => Keyring) {
    this.#store = store;
    this.#keyring = keyring;
  }

  internal(name: string, make: () => Buffer): Buffer {
    const row = this.#store.internal(name);
    if (row === undefined) return this.#make(name, make);
    const value = openInternal(this.#keyring(), row);
    if (value !== null) return value;
    throw refuse("INTERNAL", `the vault's own "${name}" was changed`, {
      hint: "Restore a backup.",
    });
  }

  derive(purpose: string): Buffer {
    return this.#keyring().derive(`key/${purpose}`);
  }

  keyedHash(purpose: string, bytes: Uint8Array): Buffer {
    return asBuffer(sodium.crypto_generichash(32, bytes, this.#keyring().hashKey(purpose)));
  }

  #make(name: string, make: () => Buffer): Buffer {
    const value = make();
    this.#store.transact(() => {
      this.#store.insertInternal(sealInternal(this.#keyring(), name, value));
      this.#store.countUse("own", this.#keyring().current.number);
    });
    return value;
  }
}

export function sealInternal({ current }: Keyring, name: string, value: Buffer): InternalRow {
  const row = { name, dataKey: current.number };
  return { ...row, ...sealEnvelope(current.key, value, internalContext(row)) };
}

/** Null when the row was changed. The caller wipes the value. */
export function openInternal(keyring: Keyring, row: InternalRow): Buffer | null {
  const key = keyring.dataKey(row.dataKey);
  return key === undefined ? null : openEnvelope(key, row, internalContext(row));
}

function internalContext({ name, dataKey }: { readonly name: string; readonly dataKey: number }) {
  return { purpose: "internal", name, dataKey };
}
