/** Lets through so much a second, with `burst` at once; whoever comes sooner is told to wait. */
export class Pace {
  readonly #perSecond: number;
  readonly #burst: number;
  /** When the last that was let through would have come at an even pace. */
  #evenMs = Number.NEGATIVE_INFINITY;

  constructor(perSecond: number, burst = perSecond) {
    this.#perSecond = perSecond;
    this.#burst = burst;
  }

  /** Takes the next place, or as many as it costs; how long to wait for it, in ms. */
  next(nowMs: number, cost = 1): number {
    const evenlyMs = (places: number) => (places / this.#perSecond) * 1000;
    const rested = nowMs - evenlyMs(this.#burst);
    this.#evenMs = Math.max(this.#evenMs, rested) + evenlyMs(cost);
    return Math.max(0, this.#evenMs - nowMs);
  }
}
