import { type HistoryChange, projectEvent } from "../history/history.ts";
import type { EventLog } from "../log/log.ts";
import { emptyAgenda, noteEvent } from "../scheduler/agenda.ts";
import { nextEvent } from "../scheduler/scheduler.ts";
import type { Decision } from "./decision.ts";
import type { Event, Recorded } from "./event.ts";
import { applyEvent, type State } from "./state.ts";

/** The single writer: every change of the mesh goes through `decide`. */
export interface Writer {
  readonly state: State;
  /**
   * Runs a pure decision against the state as it is now, applies its events and all that the
   * scheduler makes follow from them at once, and resolves with the decision's value when they are
   * durable, in one append. Rejects with LEDGER_UNWRITABLE when they could not be made durable;
   * what the decision itself throws is thrown on.
   */
  decide<T>(decision: (state: State, nowMs: number) => Decision<T>): Promise<T>;
  /**
   * What a query sees in the state, once all that it may rest on is durable: nobody is told of
   * something that a crash could still undo. The result must not share objects with the state.
   */
  read<T>(query: (state: State) => T): Promise<T>;
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
  /** The latest append; those before it are durable when it is. */
  let latest: Promise<void> = Promise.resolve();

  const record = (events: readonly Event[], atMs: number) => {
    const done: Recorded[] = [];
    const changes: HistoryChange[] = [];
    const agenda = emptyAgenda();
    const apply = (event: Event) => {
      const recorded = { seq: next++, atMs, event };
      applyEvent(state, recorded);
      changes.push(...projectEvent(state, recorded));
      noteEvent(agenda, state, recorded);
      done.push(recorded);
    };
    for (const event of events) apply(event);
    for (let event = nextEvent(state, agenda); event !== null; event = nextEvent(state, agenda)) {
      apply(event);
    }
    return { done, changes };
  };

  return {
    state,
    async decide(decision) {
      const atMs = now();
      const { events, value } = decision(state, atMs);
      if (events.length === 0) {
        // The value may rest on a decision whose events are still on their way to the disk.
        await latest;
        return value;
      }
      const { done, changes } = record(events, atMs);
      latest = log.append(done, changes);
      try {
        await latest;
      } catch (error) {
        onFailure(error);
        throw error;
      }
      listen(done);
      return value;
    },
    async read(query) {
      const value = query(state);
      await latest;
      return value;
    },
  };
}
