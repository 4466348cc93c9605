import type { Change, Feed } from "../state/feed.ts";

/** Wakes a stream when something it cares for has changed; changes in between count as one. */
export interface Waker {
  /** True when something changed since the last call; false when the client has gone. */
  next(): Promise<boolean>;
  close(): void;
}

export function createWaker(
  feed: Feed,
  signal: AbortSignal,
  concerns: (change: Change) => boolean,
): Waker {
  let pending = false;
  let wake = () => {};
  const end = feed.subscribe((change) => {
    if (!concerns(change)) return;
    pending = true;
    wake();
  });
  const onAbort = () => wake();
  signal.addEventListener("abort", onAbort);
  return {
    async next() {
      while (!pending && !signal.aborted) {
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      pending = false;
      return !signal.aborted;
    },
    close() {
      end();
      signal.removeEventListener("abort", onAbort);
    },
  };
}
