import { deferred, delay } from "../wait.ts";

/**
 * Shut while a hello is unanswered. What a node accepted after it took its inventory, and before the
 * coordinator has compared that with its own books, would count as lost there; so dispatches wait.
 */
export class Door {
  #open = false;
  #opened = deferred<void>();

  get isOpen(): boolean {
    return this.#open;
  }

  shut(): void {
    if (this.#open) this.#opened = deferred();
    this.#open = false;
  }

  open(): void {
    this.#open = true;
    this.#opened.resolve();
  }

  /** Resolves with true when the door is open, with false after `waitMs` or at the end. */
  async pass(waitMs: number, ended: AbortSignal): Promise<boolean> {
    if (this.#open) return true;
    const waiting = new AbortController();
    const stop = () => waiting.abort();
    ended.addEventListener("abort", stop);
    await Promise.race([this.#opened.promise, delay(waitMs, waiting.signal)]);
    ended.removeEventListener("abort", stop);
    stop();
    return this.#open && !ended.aborted;
  }
}
