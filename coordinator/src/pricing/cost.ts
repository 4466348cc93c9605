/**
 * Sums of money that stay exact. Rates are integer nano-USD for a whole number of units; what comes
 * out is rounded up, for a provider rounds as it likes.
 */
export interface Item {
  readonly count: number;
  /** Nano-USD for `per` of what is counted. */
  readonly rate: number;
  readonly per: number;
}

export const tokensPerRate = 1_000_000;
export const bytesPerRate = 1_000_000_000;

/** Null where the sum is beyond what can be counted exactly (2^53 nano-USD, 9 million USD). */
export function costOf(feeNanoUsd: number, items: readonly Item[]): number | null {
  let sum = BigInt(feeNanoUsd);
  for (const { count, rate, per } of items) {
    const divisor = BigInt(per);
    sum += (BigInt(count) * BigInt(rate) + divisor - 1n) / divisor;
  }
  return sum <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(sum) : null;
}
