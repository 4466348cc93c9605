import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import type { HistoryChange, RunHistory } from "../history/history.ts";
import type { HistoryEnd } from "../history/keep-history.ts";
import type { ReadRow } from "../ledger/prove.ts";

/**
 * The event log: the one truth. An adapter appends in order, durably, and each entry's canonical
 * JSON becomes a leaf of the ledger in the same transaction, under a newly signed checkpoint.
 */
export interface EventLog {
  /** Entries that are durable. */
  readonly size: number;
  /**
   * Appends entries numbered size+1, size+2, ... Resolves when they are on disk. Concurrent calls
   * share one commit and keep their order. Rejects with LEDGER_UNWRITABLE; from then on every call
   * rejects, because memory may be ahead of the disk: the process must restart from the log.
   * `changes` are what the entries change in the query tables, and share their transaction.
   */
  append(entries: readonly Entry[], changes?: readonly HistoryChange[]): Promise<void>;
  /** All entries from `seq` on, in order. Throws LEDGER_INVALID when one does not match its hash. */
  entries(seq: number): Iterable<Entry>;
  /** Leaves as stored, for export and audit; never checked here. */
  leaves(seq: number, count: number): readonly ExportedLeaf[];
  /** Row `number` of `level` of the tree's hashes (ledger/hash-rows.ts), as far as it is stored. */
  readonly hashes: ReadRow;
  /** The newest signed checkpoint, a C2SP note. */
  checkpoint(): string;
  readonly history: RunHistory & HistoryCatchUp & HistoryEnd;
  /**
   * Remainders by entry, to take the place of these in the commit of the `PayloadsDropped` that names
   * them; until then they are only held.
   */
  prepareDrop(remainders: ReadonlyMap<number, string>): void;
  /**
   * Has what was dropped or removed leave the file too, where its pages and journal still hold it. Resolves
   * with false where something that is being read kept it from that.
   */
  purge(): Promise<boolean>;
  /** Refuses what comes later, and resolves when what waits is durable and the disk is let go. */
  close(): Promise<void>;
}

/** How the table of finished runs is brought up to the log while that is replayed. */
export interface HistoryCatchUp {
  /** The last entry whose changes the table has; empties one whose rows are of another version. */
  begin(version: number): number;
  /** Writes the changes of entries up to `seq`, durably. */
  write(changes: readonly HistoryChange[], seq: number): void;
}

export interface StoredLeaf {
  readonly json: string;
  readonly leafHash: Uint8Array;
}

export interface ExportedLeaf extends StoredLeaf {
  /** That was signed when it was the last; "" where none was. */
  readonly checkpoint: string;
  /** The entry by which its payload was dropped, so that `json` is a `Remainder`'s; 0 while it is whole. */
  readonly droppedBy: number;
  /** Of the remainder, as that entry has it; null while it is whole. */
  readonly remainderHash: Uint8Array | null;
}

/** A remainder that takes an entry's place. */
export interface Drop {
  readonly seq: number;
  readonly json: string;
  readonly remainderHash: Uint8Array;
  readonly droppedBy: number;
}

/** What steps wrote. Durable like events, but no part of the ledger. */
export interface StepLogStore {
  /** Resolves when on disk; a chunk whose place is already taken is dropped as a duplicate. */
  append(chunks: readonly StepLogChunk[]): Promise<void>;
  /** How far the output of an attempt has come, and what keeping it has cost. */
  extent(attempt: AttemptKey): StepLogExtent;
  /** All of it, in the order of its offsets. */
  pieces(attempt: AttemptKey): Iterable<StepLogChunk>;
  /**
   * Chunks of a run in the order in which they arrived, after `cursor` (0 for all): at most so many, and
   * no more of them once they hold so many bytes. None when there are no more.
   */
  read(run: string, step: string, cursor: number, most: StepLogPage): readonly StoredChunk[];
}

export interface StepLogPage {
  readonly chunks: number;
  readonly bytes: number;
}

export type StoredChunk = StepLogChunk & { readonly cursor: number };

export interface StepLogExtent {
  /** Where the last chunk ends. */
  readonly end: number;
  readonly chunks: number;
}

export interface StepLogChunk {
  readonly run: string;
  readonly step: string;
  readonly instance: number;
  readonly attempt: number;
  readonly node: string;
  readonly stream: number;
  readonly offset: number;
  readonly atMs: number;
  readonly data: Uint8Array;
}
