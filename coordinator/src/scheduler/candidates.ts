import { isFactName, nodeFacts } from "@cohort/proto/node-facts";
import { type FleetNode, type FleetState, isAvailable } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { matchingNodes, type PlacedRun } from "./placement.ts";
import { hasRoom, load } from "./room.ts";
import type { Instance, Runs } from "./runs.ts";

/** Names of the nodes that fit a class, in order and to look up. */
export interface Candidates {
  readonly names: readonly string[];
  readonly set: ReadonlySet<string>;
}

/** A step of the class, which says what its nodes must be. */
export interface Specimen {
  readonly step: CompiledStep;
  readonly run: PlacedRun;
}

/**
 * Nodes that may run the steps of a class. A selector is evaluated over the whole fleet once a class,
 * and again only when the fleet has changed; what is remembered follows from the state alone, so it
 * is no part of it.
 */
export function candidatesFor(
  fleet: FleetState,
  placement: string,
  specimen: () => Specimen,
): Candidates {
  let known = remembered.get(fleet);
  if (known === undefined || known.generation !== fleet.generation) {
    known = { generation: fleet.generation, byClass: new Map() };
    remembered.set(fleet, known);
  }
  const found = known.byClass.get(placement);
  const holds = found !== undefined && (found.readings ?? fleet.readings) === fleet.readings;
  if (holds) return found;
  const { step, run } = specimen();
  const names = matchingNodes(fleet, step, run).map((node) => node.node);
  const readings = step.select !== null && readsReadings(step.select) ? fleet.readings : null;
  const made = { names, set: new Set(names), readings };
  known.byClass.set(placement, made);
  return made;
}

/** Whether the selector's answer may change while no node changes but by itself. */
function readsReadings({ references }: NonNullable<CompiledStep["select"]>): boolean {
  return references.some(([root, member, name]) => {
    if (root !== "node" || (member !== undefined && member !== "facts")) return false;
    return name === undefined || !isFactName(name) || nodeFacts[name].reading;
  });
}

/** Whether an instance that is to avoid a node may run on this one: always, unless another is there. */
export function mayRunOn(
  fleet: FleetState,
  { names, set }: Candidates,
  node: string,
  avoids: string,
): boolean {
  if (!set.has(node)) return false;
  if (node !== avoids) return true;
  return !names.some((it) => it !== avoids && isAvailable(fleet.nodes.get(it)));
}

/** How many nodes with room are compared; enough that load evens out, few enough to be cheap. */
const compared = 8;

/**
 * A node with room for the step's instance, null for one that is not planned yet: the least loaded of a few. The search goes through the
 * candidates, or through all that have a free slot where those are fewer, and begins each time
 * elsewhere, so that work spreads over the fleet. Nodes in `pending` are about to choose themselves.
 */
export function pickNode(
  fleet: FleetState,
  runs: Runs,
  candidates: Candidates,
  {
    step: { needs },
    instance,
    pending,
  }: {
    readonly step: CompiledStep;
    readonly instance: Instance | null;
    readonly pending: ReadonlySet<string>;
  },
): FleetNode | null {
  const avoids = instance?.avoids ?? "";
  let best: FleetNode | null = null;
  let seen = 0;
  for (const name of namesFrom(candidates.names, runs)) {
    const node = fleet.nodes.get(name);
    if (!hasRoom(node, runs, needs, instance) || pending.has(name)) continue;
    if (!candidates.set.has(name)) continue;
    if (name === avoids && !mayRunOn(fleet, candidates, name, avoids)) continue;
    seen++;
    if (best === null || load(runs, name) < load(runs, best.node)) best = node;
    if (seen === compared) break;
  }
  return best;
}

function* namesFrom(names: readonly string[], { room, scheduled }: Runs): Iterable<string> {
  if (room.open.size < names.length) return yield* room.open;
  for (let step = 0; step < names.length; step++) {
    yield names[(scheduled + step) % names.length] as string;
  }
}

interface Remembered {
  readonly generation: number;
  readonly byClass: Map<string, Candidates & { readonly readings: number | null }>;
}

const remembered = new WeakMap<FleetState, Remembered>();
