/** Lets through so many a second, with as many at once; whoever comes sooner is told to wait. */
export class Pace {
  readonly #perSecond: number;
  /** When the last one that was let through would have come at an even pace. */
  #evenMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number) {
    this.#perSecond = perSecond;
  }

  /** Takes the next place; how long to wait for it, in ms. */
  next(nowMs: number): number {
    const stepMs = 1000 / this.#perSecond;
    this.#evenMs = Math.max(this.#evenMs, nowMs - 1000) + stepMs;
    return Math.max(0, this.#evenMs - nowMs);
  }
}
