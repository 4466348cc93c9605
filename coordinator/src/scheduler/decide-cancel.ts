import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import type { Runs } from "./runs.ts";

export interface CancelRequest {
  readonly run: string;
  /** Whether `finally` is left out too, and programs are killed instead of asked to end. */
  readonly hard: boolean;
  readonly actor: string;
}

/**
 * Ends a run: what goes on of it ends, what waits is skipped, and `finally` follows unless it is a
 * hard cancel. A soft one may be followed by a hard one; a run that has nothing left to end is left
 * as it is. The value tells whether anything changes. Throws RUN_UNKNOWN.
 */
export function decideCancel(
  runs: Runs,
  { run: id, hard, actor }: CancelRequest,
): Decision<boolean> {
  const run = runs.byId.get(id);
  if (run === undefined) throw refuse("RUN_UNKNOWN", `no run has the id "${id}"`);
  const isOver = !runs.active.has(id) || run.endsAltogether;
  const leavesFinally = run.phase === "finally" || run.stopOutcome === "cancelled";
  if (isOver || (leavesFinally && !hard)) return nothing(false);
  const reason = `RUN_CANCELLED by ${actor}`.toWellFormed();
  const value = { run: id, reason, outcome: "cancelled", altogether: hard, actor };
  return { events: [{ $case: "runStopping", value }], value: true };
}
