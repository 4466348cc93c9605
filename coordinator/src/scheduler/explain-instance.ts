import { workflowAt } from "../catalogue/catalogue.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { Reason } from "./explain.ts";
import { placementOf } from "./placement.ts";
import { placeInLane } from "./queues.ts";
import { type Instance, isActive, type Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/** Why one instance does not run, or that it does. */
export interface InstanceReason {
  readonly instance: number;
  readonly state: Instance["state"];
  readonly reason: Reason;
  /** Where it stands among what waits for the same nodes; null where it waits for none. */
  readonly queue: QueuePlace | null;
}

export interface QueuePlace {
  readonly priority: number;
  /** From 1, among what its workflow has waiting at the same priority. */
  readonly position: number;
  /** Instances that wait for the same nodes, of all workflows and priorities. */
  readonly waiting: number;
  readonly sinceMs: number;
}

export function explainInstance(schedule: Schedule, run: Run, it: Instance): InstanceReason {
  const queue = queuePlace(schedule, run, it);
  return { instance: it.instance, state: it.state, reason: reasonOf(schedule, run, it), queue };
}

function reasonOf({ runs }: Schedule, run: Run, it: Instance): Reason {
  if (isActive(it)) return activeReason(it, runs.asked.has(it), runs.away.has(it.node));
  const step = run.steps.get(it.step);
  if (step !== undefined && it.instance >= step.released) {
    return { code: "max-concurrent", text: "waits for its turn: others of the step go first" };
  }
  if (run.pause !== null) return { code: "run-paused", text: "its run is paused" };
  if (runs.queues.delayed.has(it)) {
    const code = it.result?.code ?? "";
    const until = new Date(it.notBeforeMs).toISOString();
    const text = `attempt ${it.attempt} ended with ${code}; the next follows after ${until}`;
    return { code: "retry-delay", text };
  }
  const which = it.pinned === "" ? "a node that fits" : `node ${it.pinned}, on which it must run`;
  const kept = runs.room.kept.get(it.keeps) === it ? `; ${it.keeps} is kept free for it` : "";
  return { code: "waits-for-node", text: `waits for ${which}${kept}` };
}

function activeReason(it: Instance, isAsked: boolean, isAway: boolean): Reason {
  if (isAsked) return { code: "waits-for-person", text: "waits for a person's decision" };
  if (it.node === "") return { code: "runs", text: "the coordinator works on it" };
  const where = `attempt ${it.attempt} on node ${it.node}`;
  const away = isAway ? ", which is disconnected" : "";
  if (it.state === "scheduled") {
    return { code: "sent", text: `${where}${away}, which has not accepted it yet` };
  }
  return { code: "runs", text: `${where}${away}` };
}

function queuePlace({ catalogue, runs }: Schedule, run: Run, it: Instance): QueuePlace | null {
  const compiled = workflowAt(catalogue, run.version).steps.get(it.step) as CompiledStep;
  const placement = placementOf(compiled, run);
  const found = placement === null ? null : placeInLane(runs.queues, it, placement, run.workflow);
  return found === null ? null : { priority: it.priority, sinceMs: it.notBeforeMs, ...found };
}
