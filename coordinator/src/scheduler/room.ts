import {
  type EnrolledNode,
  type FleetNode,
  type FleetState,
  isAvailable,
  slotsOf,
} from "../fleet/fleet.ts";
import type { Needs } from "../workflow/needs.ts";
import { offerOf } from "./offer.ts";
import type { Instance, Runs } from "./runs.ts";

/** What there is on the nodes, and what of it is taken. */
export interface Room {
  /** By node: slots and the rest, while it may be given work. */
  readonly offered: Map<string, Offer>;
  /** By node that has attempts: what they take of it, beside their slots. */
  readonly taken: Map<string, Needs>;
  /** Nodes that have a free slot and may be given work; the one that was given some last is last. */
  readonly open: Set<string>;
  /** By node that is kept free: for what, until that is placed. */
  readonly kept: Map<string, Instance>;
}

export interface Offer extends Needs {
  readonly slots: number;
}

export function emptyRoom(): Room {
  return { offered: new Map(), taken: new Map(), open: new Set(), kept: new Map() };
}

/** The node came, went, or says otherwise than before what it has. */
export function applyOffer(runs: Runs, fleet: FleetState, name: string): void {
  const node = fleet.nodes.get(name);
  const { offered, kept } = runs.room;
  if (isAvailable(node)) {
    offered.set(name, { slots: slotsOf(node), ...offerOf(node.facts) });
  } else {
    offered.delete(name);
    kept.delete(name);
  }
  noteOpen(runs, name);
}

/** An attempt is the node's from now on; "" is the coordinator, which has no bounds. */
export function occupy(runs: Runs, instance: Instance): void {
  const { node, needs } = instance;
  const there = runs.onNode.get(node);
  if (there === undefined) runs.onNode.set(node, new Set([instance]));
  else there.add(instance);
  if (node !== "") take(runs, node, needs, 1);
}

export function release(runs: Runs, instance: Instance): void {
  const { node, needs } = instance;
  const there = runs.onNode.get(node);
  if (there?.delete(instance) !== true) return;
  if (there.size === 0) runs.onNode.delete(node);
  runs.asked.delete(instance);
  runs.publications.delete(instance);
  if (node !== "") take(runs, node, needs, -1);
}

/** Whether the node may be given the instance now; null for any that needs so much. */
export function hasRoom(
  node: FleetNode | undefined,
  runs: Runs,
  needs: Needs,
  instance: Instance | null = null,
): node is EnrolledNode {
  if (node === undefined || !runs.room.open.has(node.node)) return false;
  const kept = runs.room.kept.get(node.node);
  return (kept === undefined || kept === instance) && hasFree(runs, node.node, needs);
}

/** Whether so much is free there, whatever its slots. */
export function hasFree({ room }: Runs, node: string, needs: Needs): boolean {
  const offer = room.offered.get(node);
  if (offer === undefined) return false;
  const taken = room.taken.get(node) ?? nothing;
  return (
    taken.memoryBytes + needs.memoryBytes <= offer.memoryBytes &&
    taken.cpuMillis + needs.cpuMillis <= offer.cpuMillis
  );
}

export function load({ onNode }: Runs, node: string): number {
  return onNode.get(node)?.size ?? 0;
}

export const nothing: Needs = { memoryBytes: 0, cpuMillis: 0 };

function take(runs: Runs, node: string, needs: Needs, sign: 1 | -1): void {
  const { taken } = runs.room;
  const before = taken.get(node) ?? nothing;
  if (runs.onNode.has(node)) {
    taken.set(node, {
      memoryBytes: before.memoryBytes + sign * needs.memoryBytes,
      cpuMillis: before.cpuMillis + sign * needs.cpuMillis,
    });
  } else {
    taken.delete(node);
  }
  noteOpen(runs, node);
}

function noteOpen(runs: Runs, node: string): void {
  const { offered, open } = runs.room;
  open.delete(node);
  if (load(runs, node) < (offered.get(node)?.slots ?? 0)) open.add(node);
}
