import type { AttemptKey, LogChunk, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { PendingEvent } from "./journal-state.ts";

/**
 * Gives up the oldest log chunks until `excessBytes` are gone. One note an attempt takes their
 * place, with the last one's number, and says how much is missing; nothing else is ever given up.
 */
export function evictLogs(pending: readonly PendingEvent[], excessBytes: number): PendingEvent[] {
  const evicted = new Set<PendingEvent>();
  let freed = 0;
  for (const it of pending) {
    if (freed >= excessBytes) break;
    if (it.event.event?.$case !== "log" || it.droppedBytes > 0) continue;
    evicted.add(it);
    freed += it.bytes;
  }
  return replaceByNotes(pending, evicted);
}

function replaceByNotes(
  pending: readonly PendingEvent[],
  evicted: ReadonlySet<PendingEvent>,
): PendingEvent[] {
  const last = new Map<string, PendingEvent>();
  const first = new Map<string, PendingEvent>();
  const dropped = new Map<string, number>();
  for (const it of pending) {
    if (!evicted.has(it) && it.droppedBytes === 0) continue;
    const id = attemptId(it.event.attempt as AttemptKey);
    const bytes = it.droppedBytes > 0 ? it.droppedBytes : chunk(it.event).data.length;
    dropped.set(id, (dropped.get(id) ?? 0) + bytes);
    last.set(id, it);
    if (!first.has(id)) first.set(id, it);
  }
  const kept: PendingEvent[] = [];
  for (const it of pending) {
    if (!evicted.has(it) && it.droppedBytes === 0) kept.push(it);
    const id = attemptId(it.event.attempt as AttemptKey);
    if (last.get(id) !== it) continue;
    const begin = chunk((first.get(id) as PendingEvent).event).offset;
    kept.push(note(it.event, begin, dropped.get(id) as number));
  }
  return kept;
}

function note(evicted: NodeEvent, offset: number, droppedBytes: number): PendingEvent {
  const reason = "the node's journal was full";
  const text = `[cohort: ${droppedBytes} bytes of this log were dropped: ${reason}]\n`;
  const log = { stream: 2, offset, data: new TextEncoder().encode(text) };
  const event = { ...evicted, event: { $case: "log", value: log } as const };
  return { event, bytes: 0, droppedBytes };
}

function chunk(event: NodeEvent): LogChunk {
  if (event.event?.$case !== "log") throw new Error("only log chunks are given up");
  return event.event.value;
}
