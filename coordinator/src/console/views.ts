import { type ListNodesReply, Node } from "@cohort/proto/gen/cohort/console";
import type { FleetNode } from "../fleet/fleet.ts";
import type { State } from "../state/state.ts";

/** The state as the console API shows it. */

export function nodesView(state: State, seenMs: (node: string) => number): ListNodesReply {
  const nodes = [...state.fleet.nodes.values()].sort((a, b) => (a.node < b.node ? -1 : 1));
  return { nodes: nodes.map((node) => nodeView(state, node, seenMs(node.node))) };
}

export function nodeView(state: State, node: FleetNode, seenMs: number): Node {
  return Node.fromPartial({
    node: node.node,
    state: node.state,
    labels: { ...node.labels },
    ...(node.facts === undefined ? {} : { facts: node.facts }),
    seenMs,
    running: state.runs.onNode.get(node.node)?.size ?? 0,
    ...(node.state === "invited" || node.cordon === null ? {} : { cordon: { ...node.cordon } }),
  });
}
