import { ExpressionError, evaluateCondition } from "@cohort/proto/expression";
import { ownKinds, type StepKind } from "@cohort/proto/resources/workflow";
import type { EnrolledNode, FleetNode, FleetState } from "../fleet/fleet.ts";
import { factVariables } from "../fleet/labels.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { type DeviceFault, deviceFault, isApproved } from "./device-fault.ts";
import { offerOf } from "./offer.ts";
import type { Run } from "./runs.ts";

/**
 * Class of nodes that may run a step: steps of the same class, whatever their workflow, wait in one
 * queue. Null for the coordinator's own work.
 */
export function placementOf(step: CompiledStep, run: PlacedRun): string | null {
  const { kind, nodeClass, selectReads } = step;
  if (isOwn(kind)) return null;
  const approved = isApproved(step, run) ? "approved" : "";
  if (selectReads.length === 0) return nodeClass + approved;
  return nodeClass + approved + JSON.stringify(selectReads.map((name) => run.inputs[name]));
}

/** What of a run counts for where its steps may run. */
export type PlacedRun = Pick<Run, "inputs" | "steps">;

/** Enrolled nodes that a step's selector and requirements fit, connected or not, by name. */
export function matchingNodes(fleet: FleetState, step: CompiledStep, run: PlacedRun): FleetNode[] {
  return [...fleet.nodes.values()]
    .filter((node) => node.state !== "invited" && mismatchOf(node, step, run) === null)
    .sort((a, b) => (a.node < b.node ? -1 : 1));
}

/** Whether steps of the kind are the coordinator's own work. */
export function isOwn(kind: StepKind): boolean {
  return ownKinds.includes(kind);
}

/** What a step asks of a node that the node is not, or has not, however idle it is. */
export interface Mismatch {
  readonly on:
    | ("arch" | "isolation" | "memory" | "cpu" | "devices" | "limits.memory" | "select")
    | DeviceFault["on"];
  /** What the step asks for. */
  readonly wanted: string;
  /** What the node has. */
  readonly has: string;
}

/** The first thing that keeps the step from the node for good; null when nothing does. */
export function mismatchOf(
  node: EnrolledNode,
  step: CompiledStep,
  run: PlacedRun,
): Mismatch | null {
  const mismatch = requirementMismatch(node, step);
  if (mismatch !== null) return mismatch;
  if (!selects(node, step, run.inputs)) return unselected(node, step);
  return deviceFault(node, step, run);
}

function requirementMismatch({ facts }: EnrolledNode, step: CompiledStep): Mismatch | null {
  const { arch, isolation, memory = 0, devices = [] } = step.definition.requires;
  const offer = offerOf(facts);
  const missing = devices.find((wanted) => !facts.devices.some((it) => isDevice(it, wanted)));
  if (arch !== undefined && facts.arch !== arch) {
    return { on: "arch", wanted: arch, has: facts.arch };
  }
  if (isolation === "strict" && facts.isolation !== "strict") {
    return { on: "isolation", wanted: isolation, has: facts.isolation };
  }
  if (facts.memoryBytes < memory) {
    return { on: "memory", wanted: bytes(memory), has: bytes(facts.memoryBytes) };
  }
  if (missing !== undefined) {
    return { on: "devices", wanted: missing, has: facts.devices.join(", ") || "none" };
  }
  if (step.needs.cpuMillis > offer.cpuMillis) {
    return { on: "cpu", wanted: cores(step.needs.cpuMillis), has: cores(offer.cpuMillis) };
  }
  if (step.needs.memoryBytes > offer.memoryBytes) {
    const has = bytes(offer.memoryBytes);
    return { on: "limits.memory", wanted: bytes(step.needs.memoryBytes), has };
  }
  return null;
}

/** `wanted` names a device, as iio:accel0, or a class of which any will do, as iio. */
function isDevice(device: string, wanted: string): boolean {
  return device === wanted || device.startsWith(`${wanted}:`);
}

function selects(
  node: EnrolledNode,
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

/** What the selector reads of the node, and what it finds there. */
function unselected(node: EnrolledNode, { select, definition }: CompiledStep): Mismatch {
  const variables = nodeVariables(node);
  const read = select?.references.filter(([root]) => root === "node") ?? [];
  const found = read.map(
    (path) => `${path.join(".")} is ${shown(valueAt(variables, path.slice(1)))}`,
  );
  const has = [...new Set(found)].join(", ");
  return { on: "select", wanted: definition.nodes?.select ?? "", has };
}

function valueAt(from: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => {
    const isRecord = typeof value === "object" && value !== null && Object.hasOwn(value, name);
    return isRecord ? (value as Record<string, unknown>)[name] : undefined;
  }, from);
}

function shown(value: unknown): string {
  return value === undefined ? "not set" : JSON.stringify(value);
}

/** What expressions see as `node`; made once for each, since every attempt there may read it. */
export function nodeVariables(node: FleetNode): Readonly<Record<string, unknown>> {
  const known = variables.get(node);
  if (known !== undefined) return known;
  const { arch, isolation, cores, memoryBytes, version, devices } = node.facts;
  const made = {
    name: node.node,
    labels: node.labels,
    facts: factVariables(node.facts),
    arch,
    isolation,
    cores,
    memory_bytes: memoryBytes,
    devices,
    version,
  };
  variables.set(node, made);
  return made;
}

/** A node that changes is another object. */
const variables = new WeakMap<FleetNode, Readonly<Record<string, unknown>>>();

export function bytes(count: number): string {
  return `${Math.floor(count / 1024 ** 2)} MiB`;
}

export function cores(millis: number): string {
  return `${millis / 1000} cores`;
}
