import { delay } from "../wait.ts";

/** Cuts a wait short. Rung while nobody waits, it cuts the next one. */
export class Bell {
  #rung = new AbortController();

  ring(): void {
    this.#rung.abort();
  }

  /** Resolves with true when it rang, with false after `ms` or at the end. */
  async wait(ms: number, ended: AbortSignal): Promise<boolean> {
    const rung = this.#rung;
    const stop = () => rung.abort();
    ended.addEventListener("abort", stop);
    if (!ended.aborted) await delay(ms, rung.signal);
    ended.removeEventListener("abort", stop);
    if (!rung.signal.aborted) return false;
    this.#rung = new AbortController();
    return !ended.aborted;
  }
}
