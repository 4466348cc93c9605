import { type HistoryChange, historyVersion, projectEvent } from "../history/history.ts";
import type { EventLog } from "../log/log.ts";
import { applyEvent, emptyState, type State } from "./state.ts";

/**
 * The state that the log leads to. On the way the table of finished runs is brought up to the log
 * where it is behind it, or is made anew where it is absent or of another version. Throws
 * LEDGER_INVALID.
 */
export function replay(log: EventLog, endedPartsMax?: number): State {
  const state = emptyState(endedPartsMax);
  const covered = log.history.begin(historyVersion);
  let changes: HistoryChange[] = [];
  for (const { seq, atMs, event } of log.entries(1)) {
    if (event === undefined) continue;
    const recorded = { seq, atMs, event };
    applyEvent(state, recorded);
    if (seq <= covered) continue;
    changes.push(...projectEvent(state, recorded));
    if (changes.length < changesAtOnce && seq < log.size) continue;
    log.history.write(changes, seq);
    changes = [];
  }
  return state;
}

/** Changes that are written in one transaction. */
const changesAtOnce = 256;
