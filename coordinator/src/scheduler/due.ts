import { workflowAt } from "../catalogue/catalogue.ts";
import type { Event } from "../state/event.ts";
import { keepFree } from "./choose.ts";
import { attemptEnded, failure } from "./decide-attempt.ts";
import type { Queue } from "./queues.ts";
import { type Drain, type Instance, isActive, keyOf, type Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

/**
 * What follows for all whose time has come. One attempt ends once: what runs on a node that is
 * drained now ends for that, whatever else it is due for.
 */
export function whenDue(
  schedule: Schedule,
  due: readonly (Run | Instance | Drain | Queue)[],
  nowMs: number,
): Event[] {
  const drained = new Set(due.flatMap((it) => ("drains" in it ? [it.drains] : [])));
  const queues = due.filter((it) => "lanes" in it);
  const events = due.flatMap((it) => {
    if ("drains" in it) return drainDue(schedule, it);
    if ("lanes" in it) return [];
    if (!("instance" in it)) return [runDue(it)];
    return isActive(it) && drained.has(it.node) ? [] : [instanceDue(schedule, it)];
  });
  return [...events, ...overtaken(schedule, queues, nowMs)];
}

function drainDue({ runs }: Schedule, { drains: node }: Drain): Event[] {
  const here = [...(runs.onNode.get(node) ?? [])];
  const result = failure("NODE_DRAINED", `node ${node} was drained before the attempt ended`);
  const recalled = here.map(keyOf);
  return [
    ...here.map((it) => ended(it, result)),
    { $case: "nodeDrained", value: { node, recalled } },
  ];
}

/** Nodes are kept free for what waited long enough. */
function overtaken(schedule: Schedule, due: readonly Queue[], nowMs: number): Event[] {
  if (due.length === 0) return [];
  return keepFree(schedule, due, nowMs).map(({ instance: { run, step, instance }, node }) => {
    return { $case: "nodeKept", value: { run, step, instance, node } };
  });
}

function runDue({ run }: Run): Event {
  const reason = "RUN_TIMEOUT the run lasted longer than its timeout";
  const value = { run, reason, outcome: "failed", altogether: false, actor: "" };
  return { $case: "runStopping", value };
}

function instanceDue({ catalogue, runs }: Schedule, it: Instance): Event {
  const { run, step, instance } = it;
  if (runs.queues.delayed.has(it)) return { $case: "retryDue", value: { run, step, instance } };
  // What waits for its node has no attempt yet; the one that it would have had next is over.
  if (it.state === "queued") return lost({ ...it, attempt: it.attempt + 1 }, it.pinned, false);
  const { version } = runs.byId.get(run) as Run;
  const compiled = workflowAt(catalogue, version).steps.get(step);
  if (compiled?.kind === "sleep") return ended(it, { ...failure("", ""), outcome: "succeeded" });
  if (compiled?.kind === "call") {
    return ended(it, failure("STEP_TIMEOUT", "the call took longer than the step's timeout"));
  }
  if (compiled?.kind === "publish") {
    return ended(it, failure("PUBLISH_TIMEOUT", "no gateway had its broker take it in time"));
  }
  if (compiled?.kind === "approve") {
    const roles = compiled.definition.approve?.roles.join(" or ");
    return ended(it, failure("APPROVAL_TIMEOUT", `nobody with the role ${roles} decided in time`));
  }
  return lost(it, it.node, compiled?.definition.on_disconnect === "move");
}

/** A move is no fault of the step, and counts as none. */
function lost(it: Instance, node: string, moves: boolean): Event {
  const message = `node ${node} was away for longer than the step bears`;
  return ended(it, failure(moves ? "NODE_LOST" : "NODE_DISCONNECTED", message));
}

function ended(it: Instance, result: ReturnType<typeof failure>): Event {
  return attemptEnded(keyOf(it), result);
}
