import { type FleetNode, type FleetState, isAvailable } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { hasRoom, load, matchingNodes, placementOf } from "./placement.ts";
import type { Run, Runs } from "./runs.ts";

/** Names of the nodes that fit a class, in order and to look up. */
export interface Candidates {
  readonly names: readonly string[];
  readonly set: ReadonlySet<string>;
}

/**
 * Nodes that may run a step. A selector is evaluated over the whole fleet once a class, and again
 * only when the fleet has changed; what is remembered follows from the state alone, so it is no part
 * of it.
 */
export function candidatesFor(fleet: FleetState, step: CompiledStep, run: Run): Candidates {
  const key = placementOf(step, run.inputs) ?? "";
  let known = remembered.get(fleet);
  if (known === undefined || known.generation !== fleet.generation) {
    known = { generation: fleet.generation, byClass: new Map() };
    remembered.set(fleet, known);
  }
  const found = known.byClass.get(key);
  if (found !== undefined) return found;
  const names = matchingNodes(fleet, step, run.inputs).map((node) => node.node);
  const made = { names, set: new Set(names) };
  known.byClass.set(key, made);
  return made;
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
 * A connected node with a free slot: the least loaded of a few. The search begins where the number
 * of attempts so far points, so that work spreads over the fleet.
 */
export function pickNode(
  fleet: FleetState,
  runs: Runs,
  candidates: Candidates,
  avoids: string,
): FleetNode | null {
  const { names } = candidates;
  let best: FleetNode | null = null;
  let seen = 0;
  for (let step = 0; step < names.length && seen < compared; step++) {
    const name = names[(runs.scheduled + step) % names.length] as string;
    const node = fleet.nodes.get(name);
    if (node === undefined || !hasRoom(node, runs)) continue;
    if (name === avoids && !mayRunOn(fleet, candidates, name, avoids)) continue;
    seen++;
    if (best === null || load(node.node, runs) < load(best.node, runs)) best = node;
  }
  return best;
}

interface Remembered {
  readonly generation: number;
  readonly byClass: Map<string, Candidates>;
}

const remembered = new WeakMap<FleetState, Remembered>();
