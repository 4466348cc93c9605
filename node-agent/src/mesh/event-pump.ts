import { EventAck, EventBatch } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError } from "@cohort/proto/problem";
import type { Host } from "../host.ts";
import type { Journal } from "../journal/journal.ts";
import { agentLimits } from "../limits.ts";
import { backoffMs, deferred, delay, nextTurn } from "../wait.ts";

/** Sends one encoded batch and resolves with the encoded acknowledgement, or rejects in time. */
export type SendBatch = (batch: Uint8Array, timeoutMs: number) => Promise<Uint8Array>;

/**
 * Empties the journal towards the coordinator: one batch at a time, sent again until it is
 * acknowledged. Results are on the disk before they are sent.
 */
export class EventPump {
  readonly #host: Host;
  readonly #journal: Journal;
  #awake = deferred<void>();
  /** A coordinator listens, as far as is known. */
  #flowing = false;
  #room = deferred<void>();
  /**
   * How long an acknowledgement is waited for. A coordinator that was killed answers never, and what
   * it was sent should soon be sent again; yet a slow line must get its largest batch through.
   */
  #patienceMs: number = agentLimits.ackMsMin;

  constructor(host: Host, journal: Journal) {
    this.#host = host;
    this.#journal = journal;
  }

  /** The journal holds something new. */
  wake(): void {
    this.#awake.resolve();
  }

  /**
   * null when output may be added to the journal. Who writes faster than the line takes it waits, and
   * asks again then; while nothing gets through nobody waits, and the oldest output is given up.
   */
  roomForLogs(): Promise<void> | null {
    return this.#flowing && !this.#journal.hasRoomForLogs ? this.#room.promise : null;
  }

  /** Until `ended`. */
  async run(send: SendBatch, ended: AbortSignal): Promise<void> {
    let failures = 0;
    // Not a race with a promise of the end: that one would keep something of each wait.
    const wake = () => this.wake();
    ended.addEventListener("abort", wake);
    this.#flow(true);
    while (!ended.aborted) {
      this.#awake = deferred();
      const batch = this.#journal.batch(limits.eventBatchMax, limits.eventBatchBytesMax);
      if (batch.length === 0) {
        await this.#awake.promise;
        // A step that ends at once tells of its start and its end together.
        await nextTurn();
        continue;
      }
      const done = await this.#deliver(batch, send);
      this.#flow(done);
      if (done) {
        failures = 0;
        continue;
      }
      const { retryDelayMsMin, retryDelayMsMax } = agentLimits;
      await delay(backoffMs(this.#host, failures++, retryDelayMsMin, retryDelayMsMax), ended);
    }
    ended.removeEventListener("abort", wake);
    this.#flow(false);
  }

  #flow(flowing: boolean): void {
    this.#flowing = flowing;
    const { resolve } = this.#room;
    this.#room = deferred();
    resolve();
  }

  /** True when at least the first event of the batch is acknowledged. */
  async #deliver(events: EventBatch["events"], send: SendBatch): Promise<boolean> {
    try {
      if (this.#journal.mustSyncBefore(events)) await this.#journal.sync();
      const ack = EventAck.decode(await this.#ask(EventBatch.encode({ events }).finish(), send));
      const first = events[0]?.seq ?? 0;
      if (ack.problems.length > 0 || ack.throughSeq < first) return false;
      this.#journal.acknowledge(ack.throughSeq);
      return true;
    } catch (error) {
      if (!(error instanceof CohortError)) this.#host.writeError(`cohort-agent: ${error}\n`);
      return false;
    }
  }

  /** Patience is four times what the last answer took, and doubles when it was too short. */
  async #ask(batch: Uint8Array, send: SendBatch): Promise<Uint8Array> {
    const begin = this.#host.monotonic();
    try {
      const ack = await send(batch, this.#patienceMs);
      this.#wait(4 * (this.#host.monotonic() - begin));
      return ack;
    } catch (error) {
      const inTime = this.#host.monotonic() - begin < this.#patienceMs;
      if (!inTime) this.#wait(2 * this.#patienceMs);
      throw error;
    }
  }

  #wait(ms: number): void {
    this.#patienceMs = Math.min(agentLimits.ackMsMax, Math.max(agentLimits.ackMsMin, ms));
  }
}
