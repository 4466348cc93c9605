import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { schedulerLimits } from "./limits.ts";
import { placementOf } from "./placement.ts";
import type { Instance, Run, Runs, Step } from "./runs.ts";

/** What applying needs to know of an instance beside itself. */
export interface Context {
  readonly run: Run;
  readonly workflow: CompiledWorkflow;
  readonly step: Step;
  readonly compiled: CompiledStep;
  /** Class of nodes; null for the coordinator's own work. */
  readonly placement: string | null;
}

export function contextOf(
  runs: Runs,
  catalogue: Catalogue,
  { run: id, step: name }: Instance,
): Context {
  const run = runs.byId.get(id) as Run;
  const step = run.steps.get(name) as Step;
  const workflow = workflowAt(catalogue, run.version);
  const compiled = workflow.steps.get(name) as CompiledStep;
  return { run, workflow, step, compiled, placement: placementOf(compiled, run) };
}

/** How long a node may be away before its attempt is given up, in ms; null for as long as it takes. */
export function lostAfterMs({ definition }: CompiledStep): number | null {
  if (definition.on_disconnect === "wait") return null;
  return definition.lost_after ?? schedulerLimits.lostAfterMs;
}

/** How long an attempt of the coordinator's own may last, in ms; null for the work of nodes. */
export function ownWorkMs({ kind, definition }: CompiledStep): number | null {
  if (kind === "sleep") return definition.sleep ?? 0;
  if (kind === "approve") return definition.approve?.timeout ?? 0;
  return kind === "call" || kind === "publish" ? definition.timeout : null;
}
