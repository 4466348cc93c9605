import { forgetRun as forgetArtifacts } from "../artifacts/artifacts.ts";
import { forgetRunCalls } from "../budget/budget.ts";
import { forgetRun } from "../scheduler/runs.ts";
import type { State } from "./state.ts";

/**
 * Ended runs leave memory, those that ended first before the others, as soon as together they have
 * more parts than are kept: history has them, and work that was recalled from nodes, or reported
 * late, mostly concerns those that ended just now. Called before the next run ends, so that one that
 * has just ended is always there.
 */
export function forgetEnded({ runs, budget }: State): void {
  for (const run of runs.ended.keys()) {
    if (runs.endedParts <= runs.endedPartsMax) return;
    forgetRun(runs, run);
    forgetRunCalls(budget, run);
  }
}

/** Of runs whose history is removed nothing is left. */
export function forgetRemoved(
  { runs, budget, artifacts }: State,
  removed: readonly string[],
): void {
  for (const run of removed) {
    forgetRun(runs, run);
    forgetRunCalls(budget, run);
    forgetArtifacts(artifacts, run);
  }
}
