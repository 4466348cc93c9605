import type { VirtualClock } from "./clock.ts";

/** One direction of one connection: in order, each message late by its own delay, held while shut. */
export class Lane {
  readonly #clock: VirtualClock;
  readonly #isOpen: () => boolean;
  #queue: { readonly readyMs: number; readonly deliver: () => void }[] = [];
  #latestMs = 0;

  constructor(clock: VirtualClock, isOpen: () => boolean) {
    this.#clock = clock;
    this.#isOpen = isOpen;
  }

  get isOpen(): boolean {
    return this.#isOpen();
  }

  send(delayMs: number, deliver: () => void): void {
    this.#latestMs = Math.max(this.#latestMs, this.#clock.nowMs + delayMs);
    this.#queue.push({ readyMs: this.#latestMs, deliver });
    this.#clock.set(() => this.flush(), this.#latestMs - this.#clock.nowMs);
  }

  /** Delivers what is due; to be called when the lane opens. */
  flush(): void {
    while (this.#isOpen()) {
      const head = this.#queue[0];
      if (head === undefined || head.readyMs > this.#clock.nowMs) return;
      this.#queue.shift();
      head.deliver();
    }
  }

  clear(): void {
    this.#queue = [];
  }
}
