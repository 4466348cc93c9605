import type { NodeUpdate as NodeUpdateView, RolloutStatus } from "@cohort/proto/gen/cohort/console";
import type { EnrolledNode } from "../fleet/fleet.ts";
import type { State } from "../state/state.ts";
import { needOf, type Rollout, type Rollouts } from "./rollout.ts";
import { isSelected } from "./selection.ts";

/** The latest rollout with every node that it is about, by name; null where there was none. */
export function rolloutView({ rollouts, fleet, runs }: State): RolloutStatus | null {
  const rollout = rollouts.current;
  if (rollout === null) return null;
  const { request, state, reason, startedMs } = rollout;
  const nodes = [...fleet.nodes.values()]
    .filter((it): it is EnrolledNode => it.state !== "invited" && it.bar === null)
    .filter((it) => rollout.updates.has(it.node) || isSelected(request, it))
    .sort((a, b) => (a.node < b.node ? -1 : 1))
    .map((it) => nodeView(rollouts, rollout, it, runs.onNode.get(it.node)?.size ?? 0));
  return {
    rollout: request.rollout,
    actor: request.actor,
    request: { ...request },
    state,
    reason,
    startedMs,
    nodes,
  };
}

function nodeView(
  rollouts: Rollouts,
  rollout: Rollout,
  node: EnrolledNode,
  running: number,
): NodeUpdateView {
  const update = rollout.updates.get(node.node);
  const version = node.probed.version;
  if (update === undefined) {
    const [state, reason] = unbegun(rollouts, rollout, node);
    return { node: node.node, state, version, code: "", reason, atMs: 0 };
  }
  const { state, code, message, atMs } = update;
  const waits = state === "draining" ? `waits for ${running} that run there` : "";
  return { node: node.node, state, version, code, reason: message || waits, atMs };
}

function unbegun(rollouts: Rollouts, rollout: Rollout, node: EnrolledNode): [string, string] {
  const { version } = rollout.request;
  const need = needOf(rollouts, rollout, node);
  if (need === "release") return ["skipped", `not published for ${node.probed.arch}`];
  if (need === "update") return node.state === "connected" ? ["waiting", ""] : ["away", ""];
  if (node.probed.version === version) return ["updated", "ran it before"];
  return ["skipped", `runs ${node.probed.version}, which is later`];
}
