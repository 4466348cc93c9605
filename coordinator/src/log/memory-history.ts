import type { FinishedRun, HistoryChange } from "../history/history.ts";
import { overAmong } from "../history/retention.ts";
import type { HistoryStore } from "./history-store.ts";

/** The query table's rows, on a disk in memory. */
export interface MemoryHistory {
  version: number;
  /** The last entry whose changes it has. */
  seq: number;
  /** In the order in which they ended. */
  readonly runs: Map<string, FinishedRun>;
  /** Runs by the calls that they were charged for. */
  readonly runOfCall: Map<string, string>;
}

export function emptyHistory(): MemoryHistory {
  return { version: 0, seq: 0, runs: new Map(), runOfCall: new Map() };
}

/** `removeLogs`: forgets what the steps of a run wrote. */
export function createMemoryHistory(
  history: MemoryHistory,
  removeLogs: (run: string) => void = () => {},
): HistoryStore {
  const { runs, runOfCall } = history;
  return {
    extent: () => history,
    write(changes, seq) {
      for (const change of changes) apply(history, change);
      history.seq = seq;
    },
    reset(version) {
      runs.clear();
      runOfCall.clear();
      Object.assign(history, { version, seq: 0 });
    },
    over(retention, nowMs) {
      const first = [...runs.values()].map(({ run, startedSeq, seq, endedMs }) => ({
        ...{ run, startedSeq, seq, endedMs },
      }));
      return overAmong(first, runs.size, retention, nowMs);
    },
    async removeLogs(removed) {
      removed.forEach(removeLogs);
      return true;
    },
    find: (run) => runs.get(run) ?? null,
    list: ({ workflow, state, startedBefore, count }) =>
      [...runs.values()]
        .filter((it) => it.startedSeq < startedBefore)
        .filter((it) => workflow === "" || it.workflow === workflow)
        .filter((it) => state === "" || it.state === state)
        .sort((a, b) => b.startedSeq - a.startedSeq)
        .slice(0, count)
        .map(({ seq, run, startedSeq, head }) => ({ seq, run, startedSeq, head })),
    startedWith: (key) =>
      [...runs.values()].findLast((it) => key !== "" && it.idempotencyKey === key)?.run ?? null,
  };
}

function apply({ runs, runOfCall }: MemoryHistory, change: HistoryChange): void {
  if (change.kind === "finished") {
    runs.set(change.row.run, change.row);
    for (const { call } of change.row.charges) runOfCall.set(call, change.row.run);
    return;
  }
  if (change.kind === "removed") {
    for (const run of change.runs) {
      for (const { call } of runs.get(run)?.charges ?? []) runOfCall.delete(call);
      runs.delete(run);
    }
    return;
  }
  const row = runs.get(runOfCall.get(change.call) ?? "");
  if (row === undefined) return;
  const charges = row.charges.map((it) =>
    it.call !== change.call || it.state === "posted"
      ? it
      : { ...it, state: change.state, nanoUsd: change.nanoUsd ?? it.nanoUsd },
  );
  runs.set(row.run, { ...row, charges });
}
