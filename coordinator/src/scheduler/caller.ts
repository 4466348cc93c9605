import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import type { CallingStep, CallRequest } from "../budget/reserve.ts";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Runs } from "./runs.ts";

/** What the decision on a call must know of the step that calls, as its workflow's version has it. */
export type Caller = Pick<
  CallRequest,
  "workflow" | "agent" | "runCeilingNanoUsd" | "stepCeilingNanoUsd" | "above"
>;

/** Null where the run is not in memory. */
export function callerOf(catalogue: Catalogue, runs: Runs, attempt: AttemptKey): Caller | null {
  const [own, ...above] = chainOf(catalogue, runs, attempt);
  return own === undefined ? null : { ...own, above };
}

/** The step, then the one whose sub-workflow its run is, and so on upwards. */
function chainOf(
  catalogue: Catalogue,
  runs: Runs,
  { run: id, step }: AttemptKey,
): (CallingStep & Pick<CallRequest, "agent">)[] {
  const run = runs.byId.get(id);
  if (run === undefined) return [];
  const { definition, steps } = workflowAt(catalogue, run.version);
  const compiled = steps.get(step)?.definition;
  const calling = {
    run: id,
    step,
    workflow: run.workflow,
    agent: compiled?.agent ?? "",
    runCeilingNanoUsd: definition.budget ?? null,
    stepCeilingNanoUsd: compiled?.budget ?? null,
  };
  return [calling, ...(run.parent === null ? [] : chainOf(catalogue, runs, run.parent))];
}
