import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { sameHash } from "@cohort/proto/ledger/merkle";
import { remainderHash as hashOf } from "../ledger/remainder.ts";
import type { Drop } from "./log.ts";

/** Remainders that wait for the append of the `PayloadsDropped` that names them. */
export class PreparedDrops {
  readonly #remainders = new Map<number, string>();

  hold(remainders: ReadonlyMap<number, string>): void {
    for (const [seq, json] of remainders) this.#remainders.set(seq, json);
  }

  /**
   * Those that the entries name. Throws a RangeError where one is not here, or is another: what the entry
   * says would not come true.
   */
  take(entries: readonly Entry[]): Drop[] {
    return entries.flatMap(({ seq: droppedBy, event }) => {
      if (event?.$case !== "payloadsDropped") return [];
      return event.value.entries.map(({ seq, remainderHash }) => {
        const json = this.#remainders.get(seq) ?? "";
        this.#remainders.delete(seq);
        if (seq < droppedBy && sameHash(hashOf(json), remainderHash)) {
          return { seq, json, remainderHash, droppedBy };
        }
        throw new RangeError(`there is no such remainder of entry ${seq}`);
      });
    });
  }
}
