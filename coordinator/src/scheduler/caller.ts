import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import type { CallingStep, CallRequest } from "../budget/reserve.ts";
import type { Scopes } from "../budget/scopes.ts";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { FleetState } from "../fleet/fleet.ts";
import type { Runs } from "./runs.ts";

/** What the decision on a call must know of the step that calls, as its workflow's version has it. */
export type Caller = Pick<
  CallRequest,
  "workflow" | "agent" | "site" | "runCeilingNanoUsd" | "stepCeilingNanoUsd" | "above"
>;

export interface Callers {
  readonly catalogue: Catalogue;
  readonly runs: Runs;
  readonly fleet: FleetState;
}

/** Null where the run is not in memory. */
export function callerOf(state: Callers, attempt: AttemptKey): Caller | null {
  const [own, ...above] = chainOf(state.catalogue, state.runs, attempt);
  if (own === undefined) return null;
  return { ...own, site: siteOf(state, nodeOf(state, attempt)), above };
}

/** Whose the attempt is, for what it uses; null where the run is not in memory. */
export function scopesOf(state: Callers, attempt: AttemptKey): Scopes | null {
  const [own, ...above] = chainOf(state.catalogue, state.runs, attempt);
  if (own === undefined) return null;
  const node = nodeOf(state, attempt);
  const workflows = [own, ...above].map((it) => it.workflow);
  const topRun = above.at(-1)?.run ?? own.run;
  return { workflows, agent: own.agent, node, site: siteOf(state, node), topRun };
}

function nodeOf({ runs }: Callers, { run, step, instance }: AttemptKey): string {
  return runs.byId.get(run)?.steps.get(step)?.instances[instance]?.node ?? "";
}

function siteOf({ fleet }: Callers, node: string): string {
  return fleet.nodes.get(node)?.labels["site"] ?? "";
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
