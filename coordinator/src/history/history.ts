import {
  type Charge,
  Run as RunView,
  type Step as StepView,
} from "@cohort/proto/gen/cohort/console";
import { chargesOfRun } from "../budget/report.ts";
import type { Run } from "../scheduler/runs.ts";
import { type Decision, nothing } from "../state/decision.ts";
import type { Recorded } from "../state/event.ts";
import type { State } from "../state/state.ts";
import { detailView, headView } from "./run-view.ts";

/**
 * Finished runs, as they are kept once they have left memory: a projection of the log. What an event
 * changes there is a pure function of the event and the state that it leaves, and is written in the
 * event's own transaction, so that replaying the log gives the same rows to the byte.
 */
export type HistoryChange =
  | { readonly kind: "finished"; readonly row: FinishedRun }
  | { readonly kind: "removed"; readonly runs: readonly string[] }
  /** A call that was out when its run ended. */
  | {
      readonly kind: "charged";
      readonly call: string;
      readonly state: "posted" | "voided" | "uncertain";
      /** Null where it stays as it was. */
      readonly nanoUsd: number | null;
    };

export interface FinishedRun extends FinishedHead {
  readonly workflow: string;
  readonly state: string;
  readonly startedMs: number;
  readonly endedMs: number;
  /** "" for none. */
  readonly idempotencyKey: string;
  /** console.Run with what a list leaves out, but the charges. */
  readonly detail: Uint8Array;
  readonly charges: readonly Charge[];
}

export interface FinishedHead {
  /** Of the entry that ended it. */
  readonly seq: number;
  readonly run: string;
  /** Of the entry that started it: newest first is by this. */
  readonly startedSeq: number;
  /** console.Run as a list shows it. */
  readonly head: Uint8Array;
}

/** Which finished runs to list: newest first, those that started before an entry. */
export interface HistoryQuery {
  /** "" for all. */
  readonly workflow: string;
  /** "" for all. */
  readonly state: string;
  readonly startedBefore: number;
  readonly count: number;
}

/** What finished runs can be asked for. A run is found as soon as its end was appended. */
export interface RunHistory {
  find(run: string): FinishedRun | null;
  /** Of those that are durable. */
  list(query: HistoryQuery): readonly FinishedHead[];
  /** The latest run that started with the key, or null. */
  startedWith(idempotencyKey: string): string | null;
}

/**
 * Raised with each change of what rows hold: a table of another version is made anew from the log
 * when the coordinator starts.
 */
export const historyVersion = 3;

/** What an event that has been applied changes. */
export function projectEvent(state: State, { seq, event }: Recorded): readonly HistoryChange[] {
  switch (event.$case) {
    case "runEnded": {
      const run = state.runs.byId.get(event.value.run);
      return run === undefined ? none : [{ kind: "finished", row: finishedRun(state, run, seq) }];
    }
    case "historyRemoved":
      return [{ kind: "removed", runs: event.value.runs }];
    case "callSettled": {
      const { call, actualNanoUsd: nanoUsd, by } = event.value;
      const ended = by === "void" ? "voided" : "posted";
      return isOfActiveRun(state, call) ? none : [{ kind: "charged", call, state: ended, nanoUsd }];
    }
    case "callReconciled": {
      const { call, actualNanoUsd: nanoUsd, voided } = event.value;
      const ended = voided ? "voided" : "posted";
      return isOfActiveRun(state, call) ? none : [{ kind: "charged", call, state: ended, nanoUsd }];
    }
    case "callUncertain": {
      const { call } = event.value;
      if (isOfActiveRun(state, call)) return none;
      return [{ kind: "charged", call, state: "uncertain", nanoUsd: null }];
    }
    default:
      return none;
  }
}

/** A finished run as the console shows it. */
export function finishedView({ head, detail, charges }: FinishedRun): RunView {
  const { steps, eventJson, outputsJson } = RunView.decode(detail);
  return { ...RunView.decode(head), steps, eventJson, outputsJson, charges: [...charges] };
}

/** A decision on a run that goes on; one that has ended, and perhaps left memory, is left as it is. */
export function unlessEnded(
  history: RunHistory,
  run: string,
  decide: () => Decision<boolean>,
): Decision<boolean> {
  return history.find(run) === null ? decide() : nothing(false);
}

/** A finished run in the shape in which runs that go on are looked at. */
export interface FormerRun extends Omit<RunView, "steps"> {
  readonly steps: ReadonlyMap<string, StepView>;
}

export function formerRun(history: RunHistory, run: string): FormerRun | null {
  const row = history.find(run);
  if (row === null) return null;
  const { steps, ...view } = finishedView(row);
  return { ...view, steps: new Map(steps.map((step) => [step.step, step])) };
}

const none: readonly HistoryChange[] = [];

function finishedRun(state: State, run: Run, seq: number): FinishedRun {
  return {
    seq,
    run: run.run,
    workflow: run.workflow,
    state: run.state,
    startedSeq: run.startedSeq,
    startedMs: run.startedMs,
    endedMs: run.endedMs,
    idempotencyKey: run.idempotencyKey,
    head: RunView.encode(headView(state, run)).finish(),
    detail: RunView.encode(RunView.fromPartial(detailView(run))).finish(),
    charges: chargesOfRun(state.budget, run.run),
  };
}

/** Its charges stand in no row yet. */
function isOfActiveRun({ budget, runs }: State, call: string): boolean {
  const run = budget.calls.get(call)?.attempt.run;
  return run !== undefined && runs.active.has(run);
}
