import { type AttemptKey, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { keepNewest } from "@cohort/proto/keep-newest";
import { attemptId } from "@cohort/proto/proof";
import { agentLimits } from "../limits.ts";
import { evictLogs } from "./eviction.ts";
import type { JournalRecord } from "./record.ts";

/** An event that the coordinator has not yet acknowledged. */
export interface PendingEvent {
  readonly event: NodeEvent;
  /** Encoded, with its overhead in memory. */
  readonly bytes: number;
}

/** What the journal means: a function of its records. */
export class JournalState {
  nextSeq = 1;
  /** Whether a record says where the numbers go on. */
  sequenceKnown = false;
  /** In order of their numbers. */
  pending: PendingEvent[] = [];
  logBytes = 0;
  resultBytes = 0;
  readonly #accepted = new Map<string, AttemptKey>();
  readonly #remembered = new Map<string, AttemptKey>();

  apply(record: JournalRecord): void {
    switch (record.kind) {
      case "accepted":
        return this.#accept(record.attempt);
      case "event":
        return this.#addEvent(record.event);
      case "acknowledged":
        return this.#retain((it) => it.event.seq > record.throughSeq);
      case "remembered":
        return this.#forget(record.attempt);
      case "sequence":
        this.sequenceKnown = true;
        this.nextSeq = Math.max(this.nextSeq, record.next);
    }
  }

  /** Whether the attempt runs, has ended, or was superseded. */
  knows(id: string): boolean {
    return this.#accepted.has(id) || this.#remembered.has(id);
  }

  /** Accepted, and not ended. */
  unfinished(): AttemptKey[] {
    return [...this.#accepted.values()];
  }

  /** Ended, with the result still here. */
  finished(): AttemptKey[] {
    return this.pending
      .filter(({ event }) => event.event?.$case === "finished")
      .map(({ event }) => event.attempt as AttemptKey);
  }

  /** Records from which `apply` makes this state again. */
  records(): JournalRecord[] {
    return [
      ...this.unfinished().map((attempt) => ({ kind: "accepted", attempt }) as const),
      ...[...this.#remembered.values()].map((it) => ({ kind: "remembered", attempt: it }) as const),
      ...this.pending.map(({ event }) => ({ kind: "event", event }) as const),
      { kind: "sequence", next: this.nextSeq },
    ];
  }

  /** What has ended does not begin again, in whatever order a medium brings its records back. */
  #accept(attempt: AttemptKey): void {
    const id = attemptId(attempt);
    if (!this.#remembered.has(id)) this.#accepted.set(id, attempt);
  }

  /** One whose number has passed is no news, wherever a medium brought it back from. */
  #addEvent(event: NodeEvent): void {
    if (event.seq < this.nextSeq) return;
    this.nextSeq = event.seq + 1;
    if (event.event?.$case === "finished") this.#end(event.attempt as AttemptKey);
    const bytes = NodeEvent.encode(event).finish().length + agentLimits.eventOverheadBytes;
    this.pending.push({ event, bytes });
    if (event.event?.$case === "log") this.logBytes += bytes;
    else this.resultBytes += bytes;
    if (this.logBytes > agentLimits.journalLogBytesMax) this.#evict();
  }

  /** By a quarter more than needed, so that a flood does not evict at every chunk. */
  #evict(): void {
    this.pending = evictLogs(this.pending, (agentLimits.journalLogBytesMax / 4) * 3);
    this.#count();
  }

  #forget(attempt: AttemptKey): void {
    const id = attemptId(attempt);
    // What was moved was moved, whoever's attempt it was.
    this.#retain(
      ({ event }) =>
        event.event?.$case === "actuated" || attemptId(event.attempt as AttemptKey) !== id,
    );
    this.#end(attempt);
  }

  #end(attempt: AttemptKey): void {
    const id = attemptId(attempt);
    this.#accepted.delete(id);
    this.#remembered.set(id, attempt);
    keepNewest(this.#remembered, agentLimits.attemptsRememberedMax);
  }

  #retain(keep: (it: PendingEvent) => boolean): void {
    this.pending = this.pending.filter(keep);
    this.#count();
  }

  #count(): void {
    this.logBytes = 0;
    this.resultBytes = 0;
    for (const { event, bytes } of this.pending) {
      if (event.event?.$case === "log") this.logBytes += bytes;
      else this.resultBytes += bytes;
    }
  }
}
