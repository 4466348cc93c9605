import { limits } from "../limits.ts";

/**
 * Lets the first of a row of events through, and none of the same key until none has come for
 * `restMs`. Of more keys than `limits.debounceKeysMax` the one that was quiet the longest is forgotten,
 * so that its next event passes: rather one run too many than one too few.
 */
export class Debounce {
  /** By key: when its latest event came. Kept in that order. */
  readonly #latestMs = new Map<string, number>();
  readonly #restMs: number;

  constructor(restMs: number) {
    this.#restMs = restMs;
  }

  passes(key: string, nowMs: number): boolean {
    const latestMs = this.#latestMs.get(key);
    this.#latestMs.delete(key);
    this.#latestMs.set(key, nowMs);
    this.#forget(nowMs);
    // A clock that was set back must not silence a key for as long.
    return latestMs === undefined || nowMs - latestMs >= this.#restMs || nowMs < latestMs;
  }

  #forget(nowMs: number): void {
    for (const [key, latestMs] of this.#latestMs) {
      const isOver = nowMs - latestMs >= this.#restMs;
      if (!isOver && this.#latestMs.size <= limits.debounceKeysMax) return;
      this.#latestMs.delete(key);
    }
  }
}
