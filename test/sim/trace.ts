import type { VirtualClock } from "./clock.ts";

/** How much of the end of a simulation a failure shows. */
const linesKept = 400;

/** What was lately done, said and recorded, one line each. */
export class Trace {
  readonly #clock: VirtualClock;
  #lines: string[] = [];
  /** Of all lines ever: equal for equal simulations. */
  fingerprint = 0;

  constructor(clock: VirtualClock) {
    this.#clock = clock;
  }

  add(who: string, what: string): void {
    const line = `${String(Math.round(this.#clock.nowMs)).padStart(8)} ms  ${who.padEnd(12)} ${what}`;
    for (let at = 0; at < line.length; at++) {
      this.fingerprint = (Math.imul(this.fingerprint, 31) + line.charCodeAt(at)) | 0;
    }
    this.#lines.push(line);
    if (this.#lines.length > linesKept * 2) this.#lines = this.#lines.slice(-linesKept);
  }

  last(count: number): readonly string[] {
    return this.#lines.slice(-Math.min(count, linesKept));
  }
}
