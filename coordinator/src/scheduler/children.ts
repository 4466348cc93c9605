import type { AttemptKey, Finished } from "@cohort/proto/gen/cohort/node";
import type { Event } from "../state/event.ts";
import type { Agenda } from "./agenda.ts";
import { failure } from "./decide-attempt.ts";
import { findActive, type Run, type Runs } from "./runs.ts";

/** What becomes of attempts whose child runs end, and of child runs whose attempts do. */
export function nextOfChildren(runs: Runs, { results, orphans }: Agenda): Event | null {
  for (let it = results.pop(); it !== undefined; it = results.pop()) {
    if (findActive(runs, it.attempt) === null) continue;
    return { $case: "attemptEnded", value: { ...it, nodeSeq: 0, nodeStartedMs: 0 } };
  }
  for (let id = orphans.pop(); id !== undefined; id = orphans.pop()) {
    const event = cancelOrphan(runs, runs.active.get(id));
    if (event !== null) return event;
  }
  return null;
}

/** What an attempt is told of the end of its child. */
export function childResult(
  { run, workflow }: Run,
  end: { readonly outcome: string; readonly reason: string; readonly outputsJson: string },
): Finished {
  if (end.outcome === "succeeded") {
    return { ...failure("", ""), outcome: "succeeded", outputJson: end.outputsJson };
  }
  const code = end.outcome === "cancelled" ? "RUN_CANCELLED" : "RUN_FAILED";
  return failure(code, `run ${run} of ${workflow} ${end.outcome}: ${end.reason}`);
}

/** Its attempt is over, and nobody waits for it any more; a hard end of its parent is one for it. */
function cancelOrphan(runs: Runs, child: Run | undefined): Event | null {
  if (child === undefined) return null;
  const { run, phase, stopOutcome, endsAltogether } = child;
  const parent = child.parent as AttemptKey;
  const hard = runs.byId.get(parent.run)?.endsAltogether === true;
  if (!hard && findActive(runs, parent) !== null) return null;
  const isEnding = phase === "finally" || stopOutcome !== null;
  if (endsAltogether || (isEnding && !hard)) return null;
  const reason = `RUN_CANCELLED with step ${parent.step} of run ${parent.run}`;
  const value = { run, reason, outcome: "cancelled", altogether: hard, actor: "" };
  return { $case: "runStopping", value };
}
