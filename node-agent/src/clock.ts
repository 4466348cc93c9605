import type { Host } from "./host.ts";

/**
 * The coordinator's time, as far as it is known: boards without a battery-backed clock start in
 * 1970, yet proofs carry a time and tokens expire by one. Runs on the monotonic clock between
 * corrections.
 */
export class CoordinatorClock {
  readonly #host: Host;
  #offsetMs: number;

  constructor(host: Host) {
    this.#host = host;
    this.#offsetMs = host.now() - host.monotonic();
  }

  /** Integer ms since 1970. */
  now(): number {
    return Math.round(this.#host.monotonic() + this.#offsetMs);
  }

  correct(nowMs: number): void {
    if (nowMs > 0) this.#offsetMs = nowMs - this.#host.monotonic();
  }
}
