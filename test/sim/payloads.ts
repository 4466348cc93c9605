import type { MemoryDisk } from "../../coordinator/src/log/memory.ts";
import type { Recorded } from "../../coordinator/src/state/event.ts";
import { runOf } from "../../coordinator/src/state/feed.ts";
import { must } from "./violation.ts";

/** Which entries the log says are without their payload. */
export class Payloads {
  readonly #runs = new Map<number, string>();
  readonly #dropped = new Set<number>();

  get size(): number {
    return this.#dropped.size;
  }

  /** `removed`: runs whose history is. */
  add(recorded: Recorded, removed: ReadonlySet<string>): void {
    const { seq, event } = recorded;
    this.#runs.set(seq, runOf(recorded));
    if (event.$case !== "payloadsDropped") return;
    for (const { seq: dropped } of event.value.entries) {
      const run = this.#runs.get(dropped) ?? "";
      const once = removed.has(run) && !this.#dropped.has(dropped);
      must(once, "payloads are dropped once, of removed runs", `entry ${dropped} of run "${run}"`);
      this.#dropped.add(dropped);
    }
  }

  /** Record and removal are one: what the log says is so, and nothing else is. */
  compare({ leaves }: MemoryDisk): void {
    for (const [at, { droppedBy }] of leaves.entries()) {
      const agrees = droppedBy > 0 === this.#dropped.has(at + 1);
      must(agrees, "payloads are dropped once, of removed runs", `entry ${at + 1} on the disk`);
    }
  }
}
