import type { EnrolledNode, FleetNode } from "../fleet/fleet.ts";
import type { Event } from "../state/event.ts";
import type { Rollout, RolloutState, Rollouts } from "./rollout.ts";

/** What of the state the rollout looks at. */
export interface RolloutView {
  readonly rollouts: Rollouts;
  readonly fleet: { readonly nodes: ReadonlyMap<string, FleetNode> };
  readonly runs: { readonly onNode: ReadonlyMap<string, ReadonlySet<unknown>> };
}

/**
 * The next event that follows for the nodes of a rollout: one is at its goal, may be told, or has its
 * turn; the rollout stops, or is complete. Pure, and one event at a time. What is looked at is what
 * goes on at once, never the fleet.
 */
export function nextUpdate(view: RolloutView): Event | null {
  const rollout = view.rollouts.current;
  if (rollout === null || (rollout.busy.size === 0 && rollout.state !== "active")) return null;
  return nextOfBusy(view, rollout) ?? nextOfRollout(view, rollout);
}

/** What time brings: nodes that are not back when they must be. */
export function updatesDue({ current }: Rollouts, nowMs: number): Event[] {
  if (current === null) return [];
  return [...current.busy].flatMap((node) => {
    const { state, dueMs } = current.updates.get(node) ?? { state: "", dueMs: 0 };
    if (state !== "sent" || dueMs > nowMs) return [];
    return [failed(current, node, "UPDATE_LATE", "the node was not back in time")];
  });
}

/** The end of a node's update as the node tells it. */
export function failed(rollout: Rollout, node: string, code: string, message: string): Event {
  return ended(rollout, node, "failed", code, message);
}

function nextOfBusy({ fleet, runs }: RolloutView, rollout: Rollout): Event | null {
  for (const name of rollout.busy) {
    const node = fleet.nodes.get(name);
    const update = rollout.updates.get(name);
    if (node === undefined || node.state === "invited" || node.bar !== null) {
      return ended(rollout, name, "deferred");
    }
    if (isAtGoal(node, rollout)) return ended(rollout, name, "updated");
    if (update?.state !== "draining") continue;
    // One that was not told yet works on while nothing is to be told.
    if (rollout.state !== "active" || node.state !== "connected") {
      return ended(rollout, name, "deferred");
    }
    const idle = (runs.onNode.get(name)?.size ?? 0) === 0;
    if (idle || rollout.request.whileRunning) {
      const { rollout: id } = rollout.request;
      return { $case: "nodeUpdateSent", value: { rollout: id, node: name } };
    }
  }
  return null;
}

function nextOfRollout({ fleet }: RolloutView, rollout: Rollout): Event | null {
  if (rollout.state !== "active") return null;
  const { request, failures, busy, waiting, away } = rollout;
  if (failures >= request.maxFailures) {
    return changed(rollout, "stopped", `${failures} of at most ${request.maxFailures} failed`);
  }
  if (busy.size + waiting.size + away.size === 0) return changed(rollout, "completed", "");
  if (busy.size >= placesOf(rollout)) return null;
  for (const name of waiting) {
    const node = fleet.nodes.get(name) as EnrolledNode;
    const fromVersion = node.probed.version;
    return {
      $case: "nodeUpdateBegun",
      value: { rollout: request.rollout, node: name, fromVersion },
    };
  }
  return null;
}

/** How many may be under way at once: no more than canaries until all of those are well. */
function placesOf({ request, updated }: Rollout): number {
  const canaries = request.canary - updated;
  return canaries > 0 ? Math.min(canaries, request.maxConcurrent) : request.maxConcurrent;
}

function isAtGoal(node: EnrolledNode, { request }: Rollout): boolean {
  return node.state === "connected" && node.probed.version === request.version;
}

function ended(
  { request }: Rollout,
  node: string,
  outcome: "updated" | "failed" | "deferred",
  code = "",
  message = "",
): Event {
  const value = { rollout: request.rollout, node, outcome, code, message };
  return { $case: "nodeUpdateEnded", value };
}

function changed({ request }: Rollout, state: RolloutState, reason: string): Event {
  return { $case: "rolloutChanged", value: { rollout: request.rollout, actor: "", state, reason } };
}
