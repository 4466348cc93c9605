import { formatDuration } from "@cohort/proto/quantity";

/** How long finished runs, and what their steps wrote, are kept; the ledger keeps its entries. */
export interface Retention {
  /** Since the run ended. */
  readonly maxAgeMs: number;
  /** The latest that ended. */
  readonly maxRuns: number;
}

export const defaultRetention: Retention = { maxAgeMs: 30 * 24 * 60 * 60_000, maxRuns: 100_000 };

/** Which of the runs that ended first are to go, when there are `count` in all. */
export function overAmong(
  first: readonly { readonly run: string; readonly endedMs: number }[],
  count: number,
  { maxRuns, maxAgeMs }: Retention,
  nowMs: number,
): string[] {
  const stays = first.findIndex(
    ({ endedMs }, at) => count - at <= maxRuns && endedMs >= nowMs - maxAgeMs,
  );
  return first.slice(0, stays === -1 ? first.length : stays).map(({ run }) => run);
}

export function describeRetention({ maxAgeMs, maxRuns }: Retention): string {
  return `Finished runs are kept for ${formatDuration(maxAgeMs)}, the latest ${maxRuns} at most.`;
}
