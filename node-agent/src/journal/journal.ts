import type { AttemptKey, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import { concatenate } from "../bytes.ts";
import type { AppendFile, Host } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { JournalState } from "./journal-state.ts";
import { type JournalRecord, RecordCodec } from "./record.ts";

const keyLength = 32;

export type EventContent = NonNullable<NodeEvent["event"]>;

/**
 * What the node must not forget: which attempts it accepted, and what it has yet to tell the
 * coordinator. Bounded: the oldest logs go when it is full, results never do. Losing power loses at
 * most what was not synced; a damaged record costs itself alone.
 *
 * The numbers of events grow, with gaps: each start skips more of them than may be sent and not
 * synced, and a journal that lost its place goes on at a random one, so that no number ever means
 * two events.
 */
export class Journal {
  readonly #host: Host;
  readonly #path: string;
  readonly #codec: RecordCodec;
  readonly #state = new JournalState();
  #file: AppendFile | null = null;
  #syncing: Promise<void> | null = null;
  /** Set when memory holds what the file may lack: a disk was full, or could not sync. */
  #behind = false;
  /** Every event below is on the disk. */
  #syncedSeq: number;
  /** Size from which the file is worth rewriting; grows when that fails, so as not to try for ever. */
  #shrinkBytesMin = 0;

  private constructor(host: Host, path: string) {
    this.#host = host;
    this.#path = path;
    removeUnfinished(host, path);
    this.#codec = new RecordCodec(host.crypto, journalKey(host, `${path}.key`));
    const state = this.#state;
    for (const record of this.#codec.decode(host.files.read(path) ?? new Uint8Array(0))) {
      state.apply(record);
    }
    state.nextSeq += state.sequenceKnown ? agentLimits.sequenceSkip : randomPlace(host);
    this.#syncedSeq = state.nextSeq;
    this.#rewrite();
  }

  /** Throws a HostError when the disk does not take it. */
  static open(host: Host, path: string): Journal {
    return new Journal(host, path);
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

  /** False when more logs than half of what is kept of them wait: soon the oldest would be given up. */
  get hasRoomForLogs(): boolean {
    return this.#state.logBytes < agentLimits.journalLogBytesMax / 2;
  }

  /** All of them or none: throws a HostError, and is undone, when the disk does not take it. */
  accept(attempts: readonly AttemptKey[]): void {
    if (attempts.length === 0) return;
    const records = attempts.map((attempt) => ({ kind: "accepted", attempt }) as const);
    (this.#file as AppendFile).append(this.#encode(records));
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

  /**
   * Whether the events have to be on the disk before anybody is told of them: a result that was sent
   * and then forgotten would be followed by a second one, and a number must not mean two events.
   */
  mustSyncBefore(events: readonly NodeEvent[]): boolean {
    const last = events.at(-1)?.seq ?? 0;
    if (last < this.#syncedSeq) return false;
    if (last - this.#syncedSeq > agentLimits.sequenceSkip / 2) return true;
    return events.some(({ event }) => event?.$case === "finished");
  }

  acknowledge(throughSeq: number): void {
    this.#append({ kind: "acknowledged", throughSeq });
  }

  /** Resolves when all that was recorded before the call is on the disk. */
  async sync(): Promise<void> {
    while (this.#syncing !== null) await this.#syncing.catch(() => {});
    if (this.#behind) return this.#rewrite();
    const { nextSeq } = this.#state;
    this.#syncing = (this.#file as AppendFile).sync();
    try {
      await this.#syncing;
      this.#syncedSeq = nextSeq;
    } catch (cause) {
      // The kernel may have dropped what it could not write, and not say so twice: fsync(2).
      this.#behind = true;
      throw cause;
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
      (this.#file as AppendFile).append(this.#encode([record]));
    } catch {
      this.#behind = true;
    }
    this.#shrink();
  }

  /** The file is bounded too: also while nobody acknowledges, and logs are given up. */
  #shrink(): void {
    const { size } = this.#file as AppendFile;
    const excess = size - this.#state.logBytes - this.#state.resultBytes;
    const worth = excess > agentLimits.journalSlackBytesMax && size >= this.#shrinkBytesMin;
    if (!worth || this.#syncing !== null) return;
    try {
      this.#rewrite();
    } catch {
      this.#behind = true;
      this.#shrinkBytesMin = size + agentLimits.journalSlackBytesMax;
    }
  }

  /** Never while a sync is under way: it works on the open file. */
  #rewrite(): void {
    const bytes = this.#encode(this.#state.records());
    this.#host.files.writeAtomic(this.#path, bytes, 0o600);
    this.#file?.close();
    this.#file = this.#host.files.openAppend(this.#path, 0o600);
    this.#behind = false;
    this.#shrinkBytesMin = 0;
    this.#syncedSeq = this.#state.nextSeq;
  }

  #encode(records: readonly JournalRecord[]): Uint8Array {
    return concatenate(records.map((record) => this.#codec.encode(record)));
  }
}

/** Without it the journal cannot be read: it is on the disk before the first record is. */
function journalKey({ files, random }: Host, path: string): Uint8Array {
  const kept = files.read(path);
  if (kept?.length === keyLength) return kept;
  const made = random(keyLength);
  files.writeAtomic(path, made, 0o600);
  return made;
}

/** What a rewriting left that power loss cut off before its rename. */
function removeUnfinished({ files }: Host, path: string): void {
  const folder = path.slice(0, path.lastIndexOf("/") + 1);
  for (const name of files.list(folder)) {
    const leftover = name.endsWith(".tmp") && `${folder}${name}`.startsWith(`${path}.`);
    if (leftover) files.remove(`${folder}${name}`);
  }
}

/** Below 2^48: far from where any journal before it was, and many times within 2^53. */
function randomPlace({ random }: Host): number {
  return random(6).reduce((sum, byte) => sum * 256 + byte, 0);
}
