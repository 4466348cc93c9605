import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import { checkReason } from "../state/reason.ts";
import type { Run, Runs } from "./runs.ts";

export interface PauseRequest {
  readonly run: string;
  /** "" for none. */
  readonly reason: string;
  readonly actor: string;
}

/**
 * Holds a run back: nothing of it begins until it is resumed or stopped, and what runs of it goes on
 * to its end. The value tells whether anything changes: a run that has ended or is paused is left as
 * it is. Throws RUN_UNKNOWN, USAGE (the reason).
 */
export function decidePause(
  runs: Runs,
  { run: id, reason, actor }: PauseRequest,
): Decision<boolean> {
  const run = known(runs, id);
  checkReason(reason);
  if (run.state !== "running" || run.pause !== null) return nothing(false);
  return { events: [{ $case: "runPaused", value: { run: id, actor, reason } }], value: true };
}

/** Lets a paused run go on; one that is not paused is left as it is. Throws RUN_UNKNOWN. */
export function decideResume(
  runs: Runs,
  { run: id, actor }: Pick<PauseRequest, "run" | "actor">,
): Decision<boolean> {
  if (known(runs, id).pause === null) return nothing(false);
  return { events: [{ $case: "runResumed", value: { run: id, actor } }], value: true };
}

function known(runs: Runs, id: string): Run {
  const run = runs.byId.get(id);
  if (run === undefined) throw refuse("RUN_UNKNOWN", `no run has the id "${id}"`);
  return run;
}
