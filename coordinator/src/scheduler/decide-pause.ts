import type { RunPaused } from "@cohort/proto/gen/cohort/ledger";
import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { checkReason } from "../state/reason.ts";
import type { Run, Runs } from "./runs.ts";

export interface PauseRequest {
  readonly run: string;
  /** "" for none. */
  readonly reason: string;
  readonly actor: string;
}

/**
 * Holds a run back, and the sub-workflows within it: nothing of them begins until it is resumed or
 * stopped, and what runs goes on to its end. The value tells whether anything changes: a run that has ended or is paused is left as
 * it is. Throws RUN_UNKNOWN, USAGE (the reason).
 */
export function decidePause(
  runs: Runs,
  { run: id, reason, actor }: PauseRequest,
): Decision<boolean> {
  const run = known(runs, id);
  checkReason(reason);
  if (!mayPause(run)) return nothing(false);
  const below = runsBelow(runs, run).filter(mayPause);
  const events = [
    paused({ run: id, actor, reason, above: "" }),
    ...below.map((it) => paused({ run: it.run, actor, reason, above: id })),
  ];
  return { events, value: true };
}

/** A sub-workflow that starts while the run that asked for it is paused follows that. */
export function followPause({ run, pause }: Run, child: string): Event[] {
  if (pause === null) return [];
  const { actor, reason, above } = pause;
  return [paused({ run: child, actor, reason, above: above === "" ? run : above })];
}

/**
 * Lets a paused run go on, and the sub-workflows that followed its pause; one that is not paused is left
 * as it is. Throws RUN_UNKNOWN.
 */
export function decideResume(
  runs: Runs,
  { run: id, actor }: Pick<PauseRequest, "run" | "actor">,
): Decision<boolean> {
  const run = known(runs, id);
  if (run.pause === null) return nothing(false);
  const below = runsBelow(runs, run).filter((it) => it.pause?.above === id);
  const events = [run, ...below].map((it) => ({
    $case: "runResumed" as const,
    value: { run: it.run, actor },
  }));
  return { events, value: true };
}

/** One that waits for its place in a group is not held back from it. */
function mayPause({ state, pause }: Run): boolean {
  return state === "running" && pause === null;
}

function paused(value: RunPaused): Event {
  return { $case: "runPaused", value };
}

/** Those that go on, those of a run before those of its sub-workflows. */
function runsBelow(runs: Runs, { steps }: Run): Run[] {
  const children = [...steps.values()].flatMap(({ kind, instances }) =>
    kind === "workflow" ? instances.flatMap(({ child }) => runs.active.get(child) ?? []) : [],
  );
  return children.flatMap((child) => [child, ...runsBelow(runs, child)]);
}

function known(runs: Runs, id: string): Run {
  const run = runs.byId.get(id);
  if (run === undefined) throw refuse("RUN_UNKNOWN", `no run has the id "${id}"`);
  return run;
}
