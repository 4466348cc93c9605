import { formatDuration } from "@cohort/proto/quantity";

/** How long finished runs, and what their steps wrote, are kept. */
export interface HistoryRetention {
  /** Since the run ended. */
  readonly maxAgeMs: number;
  /** The latest that ended. */
  readonly maxRuns: number;
}

/** The same, and how long the ledger keeps what its entries say; their leaves it keeps for ever. */
export interface Retention extends HistoryRetention {
  /**
   * Since the run ended, and not before it has left the history: how long the ledger's entries keep
   * their payloads; null for ever.
   */
  readonly payloadMaxAgeMs: number | null;
}

export const defaultRetention: Retention = {
  maxAgeMs: 30 * 24 * 60 * 60_000,
  maxRuns: 100_000,
  payloadMaxAgeMs: null,
};

/** A finished run, between the entry that started it and the one that ended it. */
export interface EndedRun {
  readonly run: string;
  readonly startedSeq: number;
  readonly seq: number;
  readonly endedMs: number;
}

/** Which of the runs that ended first are to go, when there are `count` in all. */
export function overAmong(
  first: readonly EndedRun[],
  count: number,
  { maxRuns, maxAgeMs }: HistoryRetention,
  nowMs: number,
): readonly EndedRun[] {
  const stays = first.findIndex(
    ({ endedMs }, at) => count - at <= maxRuns && endedMs >= nowMs - maxAgeMs,
  );
  return first.slice(0, stays === -1 ? first.length : stays);
}

export function describeRetention({ maxAgeMs, maxRuns }: HistoryRetention): string {
  return `Finished runs are kept for ${formatDuration(maxAgeMs)}, the latest ${maxRuns} at most.`;
}
