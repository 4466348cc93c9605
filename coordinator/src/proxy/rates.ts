/** So many calls in so much time; as many may come at once. */
export interface Rate {
  readonly calls: number;
  readonly perMs: number;
}

/**
 * Rates by key, as token buckets in the form that GCRA has them (ITU-T I.371): of each only the
 * time at which it would be full again. They live in memory alone: a restart fills every bucket.
 */
export interface Rates {
  /** How long a call that counts against all of these has to wait; 0 for not at all. */
  waitMs(wanted: readonly Wanted[], nowMs: number): number;
  /** Takes the call's place in all of them, in turn with those that wait already. */
  take(wanted: readonly Wanted[], nowMs: number): void;
  /** How many buckets are not full. */
  readonly size: number;
}

export interface Wanted extends Rate {
  readonly key: string;
}

export function createRates(sweepAt: number): Rates {
  const fullAtMs = new Map<string, number>();
  return {
    waitMs(wanted, nowMs) {
      const waits = wanted.map(({ key, calls, perMs }) => {
        const behindMs = Math.max(fullAtMs.get(key) ?? 0, nowMs) - nowMs;
        return behindMs - (perMs - perMs / calls);
      });
      return Math.max(0, ...waits);
    },
    take(wanted, nowMs) {
      for (const { key, calls, perMs } of wanted) {
        fullAtMs.set(key, Math.max(fullAtMs.get(key) ?? 0, nowMs) + perMs / calls);
      }
      if (fullAtMs.size <= sweepAt) return;
      for (const [key, atMs] of fullAtMs) if (atMs <= nowMs) fullAtMs.delete(key);
    },
    get size() {
      return fullAtMs.size;
    },
  };
}
