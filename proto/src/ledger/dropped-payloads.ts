import { sameHash } from "./merkle.ts";
import { fromBase64 } from "./note.ts";

/**
 * Entries without their payload, on the way through a ledger: each must be named by the later entry that
 * it says records it, with the hash of what is left of it. That, and nothing else, tells what retention
 * dropped from what somebody took out.
 */
export class DroppedPayloads {
  /** Those that no entry has recorded yet, the first of them first. */
  readonly #open = new Map<number, { readonly by: number; readonly hash: Uint8Array }>();
  #recorded = 0;

  /** As many as entries recorded, rightly, so far. */
  get recorded(): number {
    return this.#recorded;
  }

  /** Entry `seq` is without its payload; it is said that entry `by` records that. */
  note(seq: number, left: { readonly by: number; readonly hash: Uint8Array }): void {
    this.#open.set(seq, left);
  }

  /** Entry `seq`, which is whole, says which are without theirs. */
  record(seq: number, payloadsDropped: unknown): void {
    for (const { seq: dropped, remainderHash } of entriesOf(payloadsDropped)) {
      const left = this.#open.get(dropped);
      if (left?.by !== seq || !sameHash(left.hash, fromBase64(remainderHash))) continue;
      this.#open.delete(dropped);
      this.#recorded += 1;
    }
  }

  /** The first that lacks its payload without a word of the ledger, or has something else in its place. */
  unrecorded(): { readonly seq: number; readonly reason: string } | null {
    const [first] = this.#open;
    if (first === undefined) return null;
    const [seq, { by }] = first;
    const reason = `its payload is gone, and what is left of it is not what entry ${by} records`;
    return { seq, reason };
  }
}

interface Named {
  readonly seq: number;
  readonly remainderHash: string;
}

/** What is no entry as the coordinator writes them names none. */
function entriesOf(payloadsDropped: unknown): readonly Named[] {
  const { entries } = (payloadsDropped ?? {}) as { readonly entries?: unknown };
  if (!Array.isArray(entries)) return [];
  return entries.map((it: Partial<Named> | null) => ({
    seq: Number(it?.seq),
    remainderHash: String(it?.remainderHash),
  }));
}
