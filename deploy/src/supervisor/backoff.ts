/** Delay before the next start of a child that keeps ending. */
export const backoffLimits = { firstMs: 100, lastMs: 10_000, resetAfterMs: 30_000 } as const;

/**
 * Doubles with each failure in a row up to a cap; the jitter (`random` from 0 to 1) takes up to half
 * away, so that children that fell together do not rise together.
 */
export function backoffMs(failures: number, random: number): number {
  const { firstMs, lastMs } = backoffLimits;
  const full = Math.min(lastMs, firstMs * 2 ** Math.min(failures - 1, 30));
  return Math.round(full * (1 - random / 2));
}

/** A child that held this long had started well: its next failure is the first again. */
export function failuresAfter(failuresBefore: number, livedMs: number): number {
  return livedMs >= backoffLimits.resetAfterMs ? 1 : failuresBefore + 1;
}
