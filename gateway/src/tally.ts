import { limits } from "./limits.ts";

/**
 * Writes the first of many like log lines at once and counts the rest, so that a sensor that sends
 * nonsense a thousand times a second costs one line in ten seconds.
 */
export class Tally {
  readonly #now: () => number;
  readonly #causes = new Map<string, { writtenAt: number; unwritten: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** `write` gets the number of occurrences since the last line, this one included. */
  note(cause: string, write: (times: number) => void): void {
    const known = this.#causes.has(cause) || this.#causes.size < limits.logCausesMax;
    const key = known ? cause : "";
    const entry = this.#causes.get(key) ?? { writtenAt: Number.NEGATIVE_INFINITY, unwritten: 0 };
    this.#causes.set(key, entry);
    entry.unwritten += 1;
    const now = this.#now();
    if (now - entry.writtenAt < limits.logRepeatMs) return;
    write(entry.unwritten);
    entry.writtenAt = now;
    entry.unwritten = 0;
  }
}
