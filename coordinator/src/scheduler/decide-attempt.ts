import type { AttemptKey, Finished, InventoryItem, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { Decision } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { outputFault } from "./output.ts";
import { findActive, type Instance, keyOf, type Run, type Runs } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/**
 * What nodes report of attempts. Reports repeat and come late, so each is checked against the state:
 * one that changes nothing, or speaks of an attempt that is over, makes no event.
 */
export function decideAccepted(runs: Runs, key: AttemptKey): Decision<void> {
  const instance = findActive(runs, key);
  if (instance?.state !== "scheduled") return { events: [], value: undefined };
  return { events: [{ $case: "attemptAccepted", value: { attempt: key } }], value: undefined };
}

/** Events of a node's batch; a log chunk is no event. `node` must be the attempt's own. */
export function decideNodeEvents(
  schedule: Pick<Schedule, "catalogue" | "runs">,
  node: string,
  batch: readonly NodeEvent[],
): Decision<void> {
  const started = new Set<string>();
  const ended = new Set<string>();
  const events = batch.flatMap((it): Event[] => {
    const key = it.attempt;
    const instance = key === undefined ? null : findActive(schedule.runs, key);
    if (key === undefined || instance?.node !== node) return [];
    const id = attemptId(key);
    if (it.event?.$case === "started" && instance.state !== "running" && !started.has(id)) {
      started.add(id);
      return [{ $case: "attemptStarted", value: { attempt: key, nodeAtMs: it.atMs } }];
    }
    if (it.event?.$case === "finished" && !ended.has(id)) {
      ended.add(id);
      const result = judged(schedule, instance, it.event.value);
      return [{ $case: "attemptEnded", value: { attempt: key, result, nodeSeq: it.seq } }];
    }
    return [];
  });
  return { events, value: undefined };
}

/** A success is one only when the output is as the step declares. */
function judged(
  { catalogue, runs }: Pick<Schedule, "catalogue" | "runs">,
  { run, step }: Instance,
  result: Finished,
): Finished {
  if (result.outcome !== "succeeded") return result;
  const { version } = runs.byId.get(run) as Run;
  const definition = workflowAt(catalogue, version).steps.get(step)?.definition;
  const fault = outputFault(result.outputJson, definition?.outputs);
  return fault === null ? result : { ...failure(fault.code, fault.message), usage: result.usage };
}

/** The coordinator's own word that an attempt is over: a refused dispatch, a call of its own. */
export function decideEnded(runs: Runs, key: AttemptKey, result: Finished): Decision<boolean> {
  if (findActive(runs, key) === null) return { events: [], value: false };
  return {
    events: [{ $case: "attemptEnded", value: { attempt: key, result, nodeSeq: 0 } }],
    value: true,
  };
}

export interface Reconciled {
  /** Attempts that the node holds and should not. */
  readonly superseded: AttemptKey[];
  /** Scheduled there, but never taken: to be sent again. */
  readonly resend: AttemptKey[];
}

/**
 * Both sides' books, compared when a node connects. What the node does not know although it had
 * accepted it is lost; what it never accepted is sent again; the rest goes on untouched.
 */
export function decideReconcile(
  runs: Runs,
  node: string,
  inventory: readonly InventoryItem[],
): Decision<Reconciled> {
  const held = inventory.flatMap((item) => (item.attempt === undefined ? [] : [item.attempt]));
  const heldIds = new Set(held.map(attemptId));
  const here = [...(runs.onNode.get(node) ?? [])];
  const missing = here.filter((instance) => !heldIds.has(attemptId(keyOf(instance))));
  const lost = missing.filter((instance) => instance.state !== "scheduled");
  const belongs = (key: AttemptKey) => findActive(runs, key)?.node === node;
  return {
    events: lost.map(lostEvent),
    value: {
      superseded: held.filter((key) => !belongs(key)),
      resend: missing.filter((instance) => instance.state === "scheduled").map(keyOf),
    },
  };
}

function lostEvent(instance: Instance): Event {
  const result = failure("NODE_LOST", `node ${instance.node} no longer knows the attempt`);
  return { $case: "attemptEnded", value: { attempt: keyOf(instance), result, nodeSeq: 0 } };
}

/** A result that the coordinator itself gives. A lone surrogate in `message` could not be logged. */
export function failure(code: string, message: string): Finished {
  return {
    outcome: "failed",
    code,
    exit: 0,
    message: message.toWellFormed(),
    outputJson: "",
    usage: undefined,
  };
}
