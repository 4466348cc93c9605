import type { Event } from "./event.ts";

/**
 * The result of deciding a command against the state: the events to record, in order, and the value
 * that the caller is given once they are durable. Deciding is pure; it may not change the state.
 */
export interface Decision<T> {
  readonly events: readonly Event[];
  readonly value: T;
}

export function nothing<T>(value: T): Decision<T> {
  return { events: [], value };
}
