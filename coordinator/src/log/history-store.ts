import type { FinishedHead, FinishedRun, HistoryChange, HistoryQuery } from "../history/history.ts";
import type { HistoryEnd } from "../history/keep-history.ts";

/** The query table of finished runs in a storage; one for each adapter. */
export interface HistoryStore {
  /** What it holds: the version of its rows, and the last entry whose changes it has. */
  readonly extent: () => { readonly version: number; readonly seq: number };
  /** Writes the changes of entries up to `seq`, in order. */
  readonly write: (changes: readonly HistoryChange[], seq: number) => void;
  /** Empties it: rows of this version follow, from entry 1 on. */
  readonly reset: (version: number) => void;
  readonly find: (run: string) => FinishedRun | null;
  readonly list: (query: HistoryQuery) => readonly FinishedHead[];
  readonly over: HistoryEnd["over"];
  /** In a transaction of its own, among the commits. */
  readonly removeLogs: HistoryEnd["removeLogs"];
  readonly startedWith: (idempotencyKey: string) => string | null;
}
