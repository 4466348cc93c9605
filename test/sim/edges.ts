/**
 * Where a write meets the disk, a process can die: before it, in the middle, after it. Every such
 * edge of a simulation has a number, in the order in which they are reached; at the one that is
 * chosen, the process dies. Choosing each in turn leaves none out.
 */
export class Edges {
  /** Edges reached so far. */
  count = 0;
  readonly #chosen: number | null;
  readonly #onReached: (name: string) => void;

  constructor(chosen: number | null, onReached: (name: string) => void) {
    this.#chosen = chosen;
    this.#onReached = onReached;
  }

  /** Whether this edge is the chosen one; `name` says what happens there. */
  breaks(name: string): boolean {
    if (this.count++ !== this.#chosen) return false;
    this.#onReached(name);
    return true;
  }
}
