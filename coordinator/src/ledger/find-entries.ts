import { setImmediate } from "node:timers/promises";
import type { Entry } from "@cohort/proto/gen/cohort/ledger";
import { refuse } from "@cohort/proto/problem";
import type { EventLog } from "../log/log.ts";
import type { Recorded } from "../state/event.ts";
import { runOf } from "../state/feed.ts";
import type { State } from "../state/state.ts";

/** Entries numbered `from` to `to`. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** Where entries about a run stand: from its start to its end, or to the last one. Throws RUN_UNKNOWN. */
export function spanOfRun(
  { runs }: State,
  { history, size }: Pick<EventLog, "history" | "size">,
  run: string,
): Span {
  const active = runs.active.get(run);
  if (active !== undefined) return { from: active.startedSeq, to: size };
  const finished = history.find(run);
  if (finished !== null) return { from: finished.startedSeq, to: finished.seq };
  throw refuse("RUN_UNKNOWN", `no run has the id "${run}"`, {
    hint: "One that is no longer in the history is proved by the numbers of its entries.",
  });
}

/**
 * The entries in the span that are about one of the runs; every so often others have their turn. What
 * became of a call is among them when its beginning is.
 */
export async function* findEntries(
  log: Pick<EventLog, "entries">,
  { from, to }: Span,
  runs: ReadonlySet<string>,
): AsyncGenerator<Entry> {
  const calls = new Set<string>();
  for (const entry of log.entries(from)) {
    if (entry.seq > to) return;
    if (isAbout(entry as Recorded, runs, calls)) yield entry;
    if (entry.seq % turnEntries === 0) await setImmediate();
  }
}

/** Of these, those about a step. */
export function isAboutStep({ event }: Entry, step: string): boolean {
  if (event === undefined) return false;
  if ("step" in event.value) return event.value.step === step;
  return "attempt" in event.value && event.value.attempt?.step === step;
}

const turnEntries = 256;

function isAbout(recorded: Recorded, runs: ReadonlySet<string>, calls: Set<string>): boolean {
  const { event } = recorded;
  if (event.$case === "callSettled" || event.$case === "callUncertain") {
    return calls.has(event.value.call);
  }
  const isMeant = runs.has(runOf(recorded));
  if (isMeant && event.$case === "callIntended") calls.add(event.value.call);
  return isMeant;
}
