import { schedulerLimits } from "./limits.ts";
import type { Instance } from "./runs.ts";

/**
 * Instances that wait for a node. Those that any of a class of nodes may run wait together, by
 * priority, so that a node that has room looks at one head a class, however many wait. What comes
 * back from a pause waits beside the others in the order of its rank: what has the lowest of all is
 * a head, and none of the others had to move.
 */
export interface Queues {
  /** By class and priority, in order of arrival. */
  readonly classes: Map<string, Queue>;
  /** By node, then by priority. */
  readonly pinned: Map<string, Map<string, Set<Instance>>>;
  /** The coordinator's own work; it waits for nothing but its time. */
  readonly own: Set<Instance>;
  /** To be tried again, but not yet. */
  readonly delayed: Set<Instance>;
}

export interface Queue {
  /** Node that none of these is to run on, if another will do; "" for none. */
  readonly avoids: string;
  readonly waiting: Set<Instance>;
}

export function emptyQueues(): Queues {
  return { classes: new Map(), pinned: new Map(), own: new Set(), delayed: new Set() };
}

/** `placement`: the class; null for the coordinator's own work. */
export function enqueue(queues: Queues, instance: Instance, placement: string | null): void {
  if (placement === null) queues.own.add(instance);
  else laneFor(queues, instance, placement, "").add(instance);
}

/** They wait again, each before what came after it; with the class of each, as for `enqueue`. */
export function putBack(
  queues: Queues,
  returning: readonly (readonly [Instance, string | null])[],
): void {
  const lanes = new Set<Set<Instance>>();
  for (const [instance, placement] of returning) {
    if (placement === null) queues.own.add(instance);
    else lanes.add(laneFor(queues, instance, placement, returned).add(instance));
  }
  for (const lane of lanes) {
    const ordered = [...lane].sort((a, b) => rankOf(a) - rankOf(b));
    lane.clear();
    for (const instance of ordered) lane.add(instance);
  }
}

export function dequeue(queues: Queues, instance: Instance, placement: string | null): void {
  queues.delayed.delete(instance);
  if (placement === null) queues.own.delete(instance);
  else if (!remove(queues, instance, placement, "")) remove(queues, instance, placement, returned);
}

/** Of two that wait, the one with the lower rank goes first: time waited counts beside priority. */
export function rankOf({ notBeforeMs, priority }: Instance): number {
  return notBeforeMs - priority * schedulerLimits.priorityStepMs;
}

/** What waits for this node alone, by priority. */
export function pinnedTo({ pinned }: Queues, node: string): Set<Instance>[] {
  return [...(pinned.get(node)?.values() ?? [])];
}

/** Part of the key of a lane that holds what came back from a pause. */
const returned = "returned";

function laneFor(
  queues: Queues,
  { pinned, priority, avoids }: Instance,
  placement: string,
  mark: string,
): Set<Instance> {
  if (pinned === "") {
    const make = (): Queue => ({ avoids, waiting: new Set() });
    return entry(queues.classes, `${mark}${priority}|${avoids}|${placement}`, make).waiting;
  }
  const there = entry(queues.pinned, pinned, () => new Map<string, Set<Instance>>());
  return entry(there, `${mark}${priority}`, () => new Set<Instance>());
}

/** False when it does not wait in that lane. */
function remove(
  { classes, pinned }: Queues,
  instance: Instance,
  placement: string,
  mark: string,
): boolean {
  const { pinned: node, priority, avoids } = instance;
  if (node === "") {
    const key = `${mark}${priority}|${avoids}|${placement}`;
    const waiting = classes.get(key)?.waiting;
    const was = waiting?.delete(instance) === true;
    if (waiting?.size === 0) classes.delete(key);
    return was;
  }
  const there = pinned.get(node);
  const waiting = there?.get(`${mark}${priority}`);
  const was = waiting?.delete(instance) === true;
  if (waiting?.size === 0) there?.delete(`${mark}${priority}`);
  if (there?.size === 0) pinned.delete(node);
  return was;
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
