type Listener = () => void;

/** As much of AbortSignal as the agent uses: `aborted`, and listeners of "abort". */
class SmallAbortSignal {
  aborted = false;
  readonly #listeners = new Set<Listener>();

  addEventListener(_type: "abort", listener: Listener): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: "abort", listener: Listener): void {
    this.#listeners.delete(listener);
  }

  abort(): void {
    if (this.aborted) return;
    this.aborted = true;
    for (const listener of [...this.#listeners]) listener();
    this.#listeners.clear();
  }
}

export class SmallAbortController {
  readonly signal = new SmallAbortSignal();

  abort(): void {
    this.signal.abort();
  }
}
