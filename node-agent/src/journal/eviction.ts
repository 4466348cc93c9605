import { attemptId } from "@cohort/proto/proof";
import type { PendingEvent } from "./journal-state.ts";

/**
 * Gives up log chunks until no more than `bytesMax` of them are left; nothing else is ever given up.
 * Attempts share the room: who has more than an equal share loses its oldest chunks, so that one which
 * floods does not cost the others theirs. What is missing shows by itself: the next chunk's offset is
 * not where the one before it ended, and a result says how much there was.
 */
export function evictLogs(pending: readonly PendingEvent[], bytesMax: number): PendingEvent[] {
  const held = new Map<string, number>();
  for (const it of pending) {
    if (isLog(it)) held.set(ownerOf(it), (held.get(ownerOf(it)) ?? 0) + it.bytes);
  }
  const share = shareOf([...held.values()], bytesMax);
  return pending.filter((it) => {
    const bytes = isLog(it) ? (held.get(ownerOf(it)) ?? 0) : 0;
    if (bytes <= share) return true;
    held.set(ownerOf(it), bytes - it.bytes);
    return false;
  });
}

/** The most that each may keep so that all of them keep no more than `bytesMax`. */
function shareOf(held: readonly number[], bytesMax: number): number {
  let left = bytesMax;
  const ascending = [...held].sort((a, b) => a - b);
  for (const [at, bytes] of ascending.entries()) {
    const share = Math.floor(left / (ascending.length - at));
    if (bytes > share) return share;
    left -= bytes;
  }
  return bytesMax;
}

function isLog({ event }: PendingEvent): boolean {
  return event.event?.$case === "log";
}

function ownerOf({ event }: PendingEvent): string {
  return event.attempt === undefined ? "" : attemptId(event.attempt);
}
