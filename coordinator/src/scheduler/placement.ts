import { ExpressionError, evaluateCondition } from "@cohort/proto/expression";
import { ownKinds, type StepKind } from "@cohort/proto/resources/workflow";
import { type FleetNode, type FleetState, isAvailable } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { Runs } from "./runs.ts";

/**
 * Class of nodes that may run a step: steps of the same class, whatever their workflow, wait in one
 * queue. Null for the coordinator's own work.
 */
export function placementOf(
  { kind, definition, select }: CompiledStep,
  inputs: Readonly<Record<string, unknown>>,
): string | null {
  if (isOwn(kind)) return null;
  const { arch = "", isolation = "" } = definition.requires;
  if (select === null) return `${arch}|${isolation}`;
  const names = select.references.flatMap(([root, name]) =>
    root === "inputs" && name !== undefined ? [name] : [],
  );
  const read = Object.fromEntries(names.map((name) => [name, inputs[name]]));
  return `${arch}|${isolation}|${definition.nodes?.select}|${JSON.stringify(read)}`;
}

/** Enrolled nodes that a step's selector and requirements fit, connected or not, by name. */
export function matchingNodes(
  fleet: FleetState,
  step: CompiledStep,
  inputs: Readonly<Record<string, unknown>>,
): FleetNode[] {
  return [...fleet.nodes.values()]
    .filter((node) => node.state !== "invited" && meets(node, step) && selected(node, step, inputs))
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

export function fits(
  node: FleetNode,
  step: CompiledStep,
  inputs: Readonly<Record<string, unknown>>,
): boolean {
  return node.state !== "invited" && meets(node, step) && selected(node, step, inputs);
}

/** Whether steps of the kind are the coordinator's own work. */
export function isOwn(kind: StepKind): boolean {
  return ownKinds.includes(kind);
}

export function hasRoom(node: FleetNode | undefined, runs: Runs): boolean {
  return isAvailable(node) && load(node.node, runs) < node.facts.slots;
}

export function load(node: string, runs: Runs): number {
  return runs.onNode.get(node)?.size ?? 0;
}

function meets(node: FleetNode, { definition: { requires } }: CompiledStep): boolean {
  const archFits = requires.arch === undefined || node.facts.arch === requires.arch;
  return archFits && (requires.isolation !== "strict" || node.facts.isolation === "strict");
}

function selected(
  node: FleetNode,
  step: CompiledStep,
  inputs: Readonly<Record<string, unknown>>,
): boolean {
  if (step.select === null) return true;
  try {
    return evaluateCondition(step.select, { node: nodeVariables(node), inputs });
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
