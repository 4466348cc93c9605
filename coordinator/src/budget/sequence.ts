import { budgetLimits } from "./limits.ts";

/**
 * Sequence numbers that an attempt has used: every one up to `floor`, and those in `above`. Numbers
 * may arrive out of order; once too many stand above the floor it rises, and what it passes counts
 * as used, so that memory is bounded and no number is ever taken twice.
 */
export interface Sequences {
  floor: number;
  readonly above: Set<number>;
}

export function emptySequences(): Sequences {
  return { floor: 0, above: new Set() };
}

/** True for a number that may still be used: an integer from 1. */
export function isFresh(sequences: Sequences, seq: number): boolean {
  return Number.isSafeInteger(seq) && seq > sequences.floor && !sequences.above.has(seq);
}

export function consume(sequences: Sequences, seq: number): void {
  sequences.above.add(seq);
  if (sequences.above.size > budgetLimits.sequencesAboveFloorMax) {
    sequences.floor = Math.min(...sequences.above);
    sequences.above.delete(sequences.floor);
  }
  while (sequences.above.delete(sequences.floor + 1)) sequences.floor += 1;
}
