/**
 * What came first goes first, and anything may leave at any time. A plain Set would pass by all that
 * has left whenever it is asked for its first, which adds up to the square of what waits.
 */
export class Fifo<T> {
  readonly items = new Set<T>();
  #walk: Iterator<T> = this.items.values();
  #first: T | undefined;

  get size(): number {
    return this.items.size;
  }

  add(item: T): void {
    this.items.add(item);
  }

  /** False when it was not there. */
  delete(item: T): boolean {
    if (item === this.#first) this.#first = undefined;
    return this.items.delete(item);
  }

  /** Undefined when it is empty. */
  first(): T | undefined {
    if (this.#first === undefined && this.items.size > 0) {
      // The walk sees what is added behind it, and passes by each that has left once.
      let next = this.#walk.next();
      if (next.done === true) {
        this.#walk = this.items.values();
        next = this.#walk.next();
      }
      this.#first = next.value;
    }
    return this.#first;
  }

  /** Puts all in another order. */
  sort(compare: (a: T, b: T) => number): void {
    const ordered = [...this.items].sort(compare);
    this.items.clear();
    for (const item of ordered) this.items.add(item);
    this.#walk = this.items.values();
    this.#first = undefined;
  }
}
