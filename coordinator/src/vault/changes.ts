import { Entry, type VaultMark } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import type { VaultChange } from "../custody/decide-vault.ts";
import type { Event } from "../state/event.ts";
import { markOf } from "./mark.ts";
import { sodium } from "./sodium.ts";
import type { VaultStore } from "./vault-store.ts";

/** A change that the ledger is to be told of. */
export interface PendingChange extends VaultChange {
  readonly generation: number;
}

/**
 * How the vault's file and the ledger keep in step over crashes: each change is written in one transaction
 * with the event that tells of it, which stays in the file until the ledger has it. A keyed hash says that
 * the event is the vault's own, and nobody's who can write files.
 */
export class Changes {
  readonly #store: VaultStore;
  readonly #keyedHash: (bytes: Uint8Array) => Uint8Array;

  constructor(store: VaultStore, keyedHash: (bytes: Uint8Array) => Uint8Array) {
    this.#store = store;
    this.#keyedHash = keyedHash;
  }

  /** The file is another by one generation. `event` tells of it, with the mark that it leaves. */
  write<T>(run: () => T, event: (mark: VaultMark, value: T) => Event): T {
    return this.#store.transact(() => {
      const base = this.#store.generation();
      const value = run();
      this.#end(base, base + 1, (mark) => event(mark, value));
      return value;
    });
  }

  /** The file is to follow upon what the ledger knows, whatever that is. */
  adopt(known: number, event: (mark: VaultMark) => Event): void {
    this.#store.transact(() => {
      this.#store.removePending(Number.MAX_SAFE_INTEGER);
      this.#end(known, Math.max(known, this.#store.generation()) + 1, event);
    });
  }

  mark(): VaultMark {
    return markOf(this.#store);
  }

  /** The oldest first, up to the first that is not the vault's own. */
  pending(): readonly PendingChange[] {
    const changes: PendingChange[] = [];
    for (const { generation, base, event: text, mac } of this.#store.pending()) {
      if (!sameBytes(mac, this.#macOf(generation, base, text))) break;
      const { event } = Entry.fromJSON(JSON.parse(text));
      if (event === undefined) break;
      changes.push({ generation, base, event });
    }
    return changes;
  }

  /** The ledger has all changes up to this one, and had this checkpoint then. */
  recorded(generation: number, checkpoint: string): void {
    this.#store.transact(() => {
      this.#store.removePending(generation);
      this.#store.setAnchor(checkpoint);
    });
  }

  /** The latest checkpoint of the ledger that the vault was told of; "" for none. */
  anchor(): string {
    return this.#store.anchor();
  }

  #end(base: number, generation: number, event: (mark: VaultMark) => Event): void {
    this.#store.setGeneration(generation);
    const mark = markOf(this.#store);
    const text = canonicalJson(Entry.toJSON({ seq: 0, atMs: 0, event: event(mark) }));
    const mac = this.#macOf(generation, base, text);
    this.#store.insertPending({ generation, base, event: text, mac });
  }

  #macOf(generation: number, base: number, text: string): Uint8Array {
    return this.#keyedHash(Buffer.from(canonicalJson([generation, base, text])));
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && sodium.memcmp(one, other);
}
