/** What a stream is still to send; whoever fills it bounds it. */
export interface Mailbox<T> {
  put(it: T): void;
  /** Waits for something, and takes all that is there; null when the client has gone. */
  take(): Promise<T[] | null>;
}

export function createMailbox<T>(signal: AbortSignal): Mailbox<T> {
  const items: T[] = [];
  let wake = () => {};
  signal.addEventListener("abort", () => wake(), { once: true });
  return {
    put(it) {
      items.push(it);
      wake();
    },
    async take() {
      while (items.length === 0 && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return signal.aborted ? null : items.splice(0);
    },
  };
}
