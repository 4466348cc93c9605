import type { AttemptKey, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import { concatenate } from "../bytes.ts";
import type { AppendFile, Host } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { JournalState } from "./journal-state.ts";
import { decodeRecords, encodeRecord, type JournalRecord } from "./record.ts";

export type EventContent = NonNullable<NodeEvent["event"]>;

/**
 * What the node must not forget: which attempts it accepted, and what it has yet to tell the
 * coordinator. Bounded: the oldest logs go when it is full, results never do. Losing power loses at
 * most what was not synced; a damaged record costs itself alone.
 *
 * The numbers of events grow, with gaps: each start skips more of them than could have been sent
 * and not synced, so that no number ever means two events.
 */
export class Journal {
  readonly #host: Host;
  readonly #path: string;
  readonly #state = new JournalState();
  #file: AppendFile | null = null;
  #syncing: Promise<void> | null = null;
  /** Set when memory holds what the file lacks: a full disk refused it. */
  #behind = false;

  private constructor(host: Host, path: string) {
    this.#host = host;
    this.#path = path;
  }

  /** Throws a HostError when the disk does not take it. */
  static open(host: Host, path: string): Journal {
    const journal = new Journal(host, path);
    const bytes = host.files.read(path) ?? new Uint8Array(0);
    const state = journal.#state;
    for (const record of decodeRecords(host.crypto, bytes)) state.apply(record);
    if (bytes.length > 0) state.nextSeq += agentLimits.sequenceSkip;
    journal.#rewrite();
    return journal;
  }

  /** Attempts that were accepted and have not ended; at start: that a crash interrupted. */
  unfinished(): AttemptKey[] {
    return this.#state.unfinished();
  }

  finished(): AttemptKey[] {
    return this.#state.finished();
  }

  knows(attempt: AttemptKey): boolean {
    return this.#state.knows(attemptId(attempt));
  }

  /** False when so many results wait that no more work should be taken. */
  get hasRoom(): boolean {
    return this.#state.resultBytes < agentLimits.journalResultBytesMax;
  }

  /** All of them or none: throws a HostError, and is undone, when the disk does not take it. */
  accept(attempts: readonly AttemptKey[]): void {
    if (attempts.length === 0) return;
    const records = attempts.map((attempt) => ({ kind: "accepted", attempt }) as const);
    const bytes = concatenate(records.map((it) => encodeRecord(this.#host.crypto, it)));
    (this.#file as AppendFile).append(bytes);
    for (const record of records) this.#state.apply(record);
  }

  /** Kept in memory, and written at the next occasion, when the disk does not take it. */
  record(attempt: AttemptKey, content: EventContent, atMs: number): void {
    const event = { seq: this.#state.nextSeq, atMs, attempt, event: content };
    this.#append({ kind: "event", event });
  }

  /** Superseded: its events are dropped and it is no longer reported. */
  forget(attempt: AttemptKey): void {
    this.#append({ kind: "remembered", attempt });
  }

  /** The oldest events that were not acknowledged, at least one when there are any. */
  batch(countMax: number, bytesMax: number): NodeEvent[] {
    const batch: NodeEvent[] = [];
    let bytes = 0;
    for (const it of this.#state.pending.slice(0, countMax)) {
      bytes += it.bytes;
      if (batch.length > 0 && bytes > bytesMax) break;
      batch.push(it.event);
    }
    return batch;
  }

  acknowledge(throughSeq: number): void {
    this.#append({ kind: "acknowledged", throughSeq });
    const { logBytes, resultBytes } = this.#state;
    const excess = (this.#file as AppendFile).size - logBytes - resultBytes;
    if (excess > agentLimits.journalSlackBytesMax && this.#syncing === null) this.#tryRewrite();
  }

  /** Resolves when all that was recorded before the call is on the disk. */
  async sync(): Promise<void> {
    while (this.#syncing !== null) await this.#syncing.catch(() => {});
    if (this.#behind) return this.#rewrite();
    this.#syncing = (this.#file as AppendFile).sync();
    try {
      await this.#syncing;
    } finally {
      this.#syncing = null;
    }
  }

  close(): void {
    this.#file?.close();
  }

  #append(record: JournalRecord): void {
    this.#state.apply(record);
    try {
      (this.#file as AppendFile).append(encodeRecord(this.#host.crypto, record));
    } catch {
      this.#behind = true;
    }
  }

  #tryRewrite(): void {
    try {
      this.#rewrite();
    } catch {
      this.#behind = true;
    }
  }

  /** Never while a sync is under way: it works on the open file. */
  #rewrite(): void {
    const records = this.#state.records();
    const bytes = concatenate(records.map((it) => encodeRecord(this.#host.crypto, it)));
    this.#host.files.writeAtomic(this.#path, bytes, 0o600);
    this.#file?.close();
    this.#file = this.#host.files.openAppend(this.#path, 0o600);
    this.#behind = false;
  }
}
