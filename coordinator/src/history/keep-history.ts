import { historyLimits } from "./limits.ts";
import type { EndedRun, HistoryRetention } from "./retention.ts";

/** What is looked at, and removed, when finished runs have been kept long enough. */
export interface HistoryEnd {
  /** Finished runs that are over, some of the first that ended. */
  over(retention: HistoryRetention, nowMs: number): readonly EndedRun[];
  /**
   * Removes what steps of these runs wrote, as much of it as one transaction should. Resolves with
   * true when there is no more.
   */
  removeLogs(runs: readonly string[]): Promise<boolean>;
}

/**
 * Holds the history to its retention until the signal: a little at a time, so that nothing else has to
 * wait for long. That runs are removed is an event like any other, so that a table which is made anew
 * from the log lacks them too; what their steps wrote goes before, since no log tells of it.
 */
export async function keepHistory(options: {
  readonly history: HistoryEnd;
  readonly retention: HistoryRetention;
  /** Records that the runs are removed. */
  readonly remove: (runs: readonly EndedRun[]) => Promise<void>;
  readonly now: () => number;
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly signal: AbortSignal;
  readonly onFault: (error: unknown) => void;
}): Promise<void> {
  const { history, retention, remove, now, sleep, signal, onFault } = options;
  const removeSome = async (): Promise<boolean> => {
    const runs = history.over(retention, now());
    if (runs.length === 0) return false;
    if (await history.removeLogs(runs.map(({ run }) => run))) await remove(runs);
    return true;
  };
  while (!signal.aborted) {
    const goesOn = await removeSome().catch((error: unknown) => {
      onFault(error);
      return false;
    });
    await sleep(goesOn ? historyLimits.removalPauseMs : historyLimits.removalEveryMs, signal);
  }
}
