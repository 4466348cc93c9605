/** Lets so many in at once; the others wait in the order in which they came. */
export class Gate {
  readonly #places: number;
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(placesMax: number) {
    this.#places = placesMax;
    this.#free = placesMax;
  }

  /** Nobody is inside. */
  get isEmpty(): boolean {
    return this.#free === this.#places;
  }

  /** Resolves inside; what it resolves with leaves, and must be called once. */
  async enter(): Promise<() => void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return () => this.#leave();
  }

  /** A place is handed over, never free in between, so that nobody overtakes. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
