import { ExpressionError, evaluateCondition } from "@cohort/proto/expression";
import type { FleetNode, FleetState } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { Run, Runs } from "./runs.ts";

/** Nodes that may run a step, by its selector and requirements, connected or not; sorted by name. */
export function matchingNodes(fleet: FleetState, step: CompiledStep, run: Run): FleetNode[] {
  return [...fleet.nodes.values()]
    .filter((node) => node.state !== "invited" && meets(node, step) && selected(node, step, run))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** The least loaded connected node with a free slot, or null. */
export function pickNode(candidates: readonly FleetNode[], runs: Runs): FleetNode | null {
  let best: FleetNode | null = null;
  for (const node of candidates) {
    if (!hasRoom(node, runs)) continue;
    if (best === null || load(node, runs) < load(best, runs)) best = node;
  }
  return best;
}

export function hasRoom(node: FleetNode, runs: Runs): boolean {
  return node.state === "connected" && load(node, runs) < node.facts.slots;
}

function load(node: FleetNode, runs: Runs): number {
  return runs.onNode.get(node.node)?.size ?? 0;
}

function meets(node: FleetNode, { definition: { requires } }: CompiledStep): boolean {
  const archFits = requires.arch === undefined || node.facts.arch === requires.arch;
  return archFits && (requires.isolation !== "strict" || node.facts.isolation === "strict");
}

function selected(node: FleetNode, step: CompiledStep, run: Run): boolean {
  if (step.select === null) return true;
  try {
    return evaluateCondition(step.select, { node: nodeVariables(node), inputs: run.inputs });
  } catch (error) {
    // A label that this node does not have: the selector is not about it.
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

/** What expressions see as `node`. */
export function nodeVariables(node: FleetNode): Record<string, unknown> {
  const { arch, isolation, cores, memoryBytes, version } = node.facts;
  return {
    name: node.node,
    labels: node.labels,
    arch,
    isolation,
    cores,
    memory_bytes: memoryBytes,
    version,
  };
}
