import type { EventLog } from "../log/log.ts";
import type { Decision } from "./decision.ts";
import type { Recorded } from "./event.ts";
import { applyEvent, type State } from "./state.ts";

/** The single writer: every change of the mesh goes through `decide`. */
export interface Writer {
  readonly state: State;
  /**
   * Runs a pure decision against the state as it is now, applies its events to memory at once, and
   * resolves with its value once they are durable. Rejects with LEDGER_UNWRITABLE when they could
   * not be made durable; what the decision itself throws is thrown on.
   */
  decide<T>(decision: (state: State, nowMs: number) => Decision<T>): Promise<T>;
}

/** Told of events, in order, after they are durable: the only place where effects begin. */
export type Listener = (recorded: readonly Recorded[]) => void;

export interface WriterOptions {
  readonly log: EventLog;
  readonly state: State;
  readonly now: () => number;
  readonly listen: Listener;
  /** The log failed: memory is ahead of the disk and the process must restart from the log. */
  readonly onFailure: (error: unknown) => void;
}

export function createWriter({ log, state, now, listen, onFailure }: WriterOptions): Writer {
  let next = log.size + 1;
  return {
    state,
    async decide(decision) {
      const atMs = now();
      const { events, value } = decision(state, atMs);
      if (events.length === 0) return value;
      const recorded = events.map((event) => ({ seq: next++, atMs, event }));
      for (const it of recorded) applyEvent(state, it);
      try {
        await log.append(recorded);
      } catch (error) {
        onFailure(error);
        throw error;
      }
      listen(recorded);
      return value;
    },
  };
}
