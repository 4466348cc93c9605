import { limits } from "@cohort/proto/limits";
import { workflowAt } from "../catalogue/catalogue.ts";
import { isAvailable } from "../fleet/fleet.ts";
import type { Event } from "../state/event.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { candidatesFor } from "./candidates.ts";
import { placementOf } from "./placement.ts";
import type { Run, Step } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/** Nodes that a step runs on, or ran on, while more may join. */
export type Joined = Map<Step, Set<string>>;

/**
 * The next step that goes on with `late_joiners`, fits the node that has just come and has no
 * instance there. Steps that are being ended take none.
 */
export function nextJoin(schedule: Schedule, nodes: Set<string>): Event | null {
  const { fleet, runs } = schedule;
  for (const name of nodes) {
    if (isAvailable(fleet.nodes.get(name))) {
      for (const [step, joined] of runs.joined) {
        if (joined.has(name) || !takes(schedule, step, name)) continue;
        return { $case: "stepExtended", value: { run: step.run, step: step.step, nodes: [name] } };
      }
    }
    nodes.delete(name);
  }
  return null;
}

function takes({ catalogue, fleet, runs }: Schedule, step: Step, node: string): boolean {
  const run = runs.active.get(step.run) as Run;
  if (run.stopOutcome !== null || step.instances.length >= limits.instancesMax) return false;
  const compiled = workflowAt(catalogue, run.version).steps.get(step.step) as CompiledStep;
  const specimen = () => ({ step: compiled, run });
  const placement = placementOf(compiled, run) as string;
  return candidatesFor(fleet, placement, specimen).set.has(node);
}
