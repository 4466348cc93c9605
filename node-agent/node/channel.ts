/** Values from one side to one reader, in order, until it ends. */
export class Channel<Value> {
  readonly #values: Value[] = [];
  #waiting: (() => void) | null = null;
  #ended = false;

  put(value: Value): void {
    if (!this.#ended) this.#values.push(value);
    this.#waiting?.();
  }

  end(): void {
    this.#ended = true;
    this.#waiting?.();
  }

  /** null when it has ended and all is taken. */
  async take(): Promise<Value | null> {
    while (this.#values.length === 0 && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#waiting = resolve;
      });
    }
    return this.#values.shift() ?? null;
  }
}
