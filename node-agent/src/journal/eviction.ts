import type { PendingEvent } from "./journal-state.ts";

/**
 * Gives up the oldest log chunks until `excessBytes` are gone; nothing else is ever given up. What
 * is missing shows by itself: the next chunk's offset is not where the one before it ended, and a
 * result says how much there was.
 */
export function evictLogs(pending: readonly PendingEvent[], excessBytes: number): PendingEvent[] {
  let freed = 0;
  return pending.filter(({ event, bytes }) => {
    if (freed >= excessBytes || event.event?.$case !== "log") return true;
    freed += bytes;
    return false;
  });
}
