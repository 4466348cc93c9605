import type { AttemptKey, Finished, InventoryItem } from "@cohort/proto/gen/cohort/node";
import { attemptId } from "@cohort/proto/proof";
import type { Decision } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { findActive, type Instance, keyOf, type Runs } from "./runs.ts";

/** The coordinator's own word that an attempt is over: a refused dispatch, a call of its own. */
export function decideEnded(runs: Runs, key: AttemptKey, result: Finished): Decision<boolean> {
  if (findActive(runs, key) === null) return { events: [], value: false };
  return { events: [attemptEnded(key, result)], value: true };
}

/** An end that no node told of. */
export function attemptEnded(attempt: AttemptKey, result: Finished): Event {
  return { $case: "attemptEnded", value: { attempt, result, nodeSeq: 0, nodeStartedMs: 0 } };
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
  return attemptEnded(keyOf(instance), result);
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
