import type { FinishedRun, HistoryChange, RunHistory } from "../history/history.ts";
import type { HistoryEnd } from "../history/keep-history.ts";
import type { HistoryStore } from "./history-store.ts";
import type { HistoryCatchUp } from "./log.ts";

/** The table of finished runs with those that are on their way into it. */
export interface PendingHistory {
  readonly queries: RunHistory & HistoryCatchUp & HistoryEnd;
  appended(changes: readonly HistoryChange[]): void;
  committed(changes: readonly HistoryChange[]): void;
}

/**
 * A run leaves memory when its end is decided, and stands in the table when that is durable. In
 * between it is found here, so that nobody misses it, and no idempotency key starts a second run.
 */
export function createPendingHistory(store: HistoryStore): PendingHistory {
  const rows = new Map<string, FinishedRun>();
  const byKey = new Map<string, string>();
  return {
    appended(changes) {
      for (const change of changes) {
        if (change.kind !== "finished") continue;
        rows.set(change.row.run, change.row);
        byKey.set(change.row.idempotencyKey, change.row.run);
      }
    },
    committed(changes) {
      for (const change of changes) {
        if (change.kind !== "finished") continue;
        rows.delete(change.row.run);
        byKey.delete(change.row.idempotencyKey);
      }
    },
    queries: {
      find: (run) => rows.get(run) ?? store.find(run),
      list: (query) => store.list(query),
      startedWith: (key) => (key === "" ? null : (byKey.get(key) ?? store.startedWith(key))),
      begin(version) {
        const extent = store.extent();
        if (extent.version !== version) store.reset(version);
        return store.extent().seq;
      },
      over: (retention, nowMs) => store.over(retention, nowMs),
      removeLogs: (runs) => store.removeLogs(runs),
      write: (changes, seq) => store.write(changes, seq),
    },
  };
}
