import { schedulerLimits } from "./limits.ts";
import type { Instance } from "./runs.ts";

/**
 * Instances that wait for a node. Those that any of a class of nodes may run wait together, by
 * priority, so that a node that has room looks at one head a class, however many wait.
 */
export interface Queues {
  /** By class and priority, in order of arrival. */
  readonly classes: Map<string, Queue>;
  /** By node, then by priority. */
  readonly pinned: Map<string, Map<number, Set<Instance>>>;
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
  const { pinned, priority, avoids } = instance;
  if (placement === null) {
    queues.own.add(instance);
  } else if (pinned !== "") {
    const there = entry(queues.pinned, pinned, () => new Map<number, Set<Instance>>());
    entry(there, priority, () => new Set<Instance>()).add(instance);
  } else {
    const make = (): Queue => ({ avoids, waiting: new Set() });
    entry(queues.classes, keyOf(instance, placement), make).waiting.add(instance);
  }
}

export function dequeue(queues: Queues, instance: Instance, placement: string | null): void {
  const { pinned, priority } = instance;
  queues.delayed.delete(instance);
  if (placement === null) {
    queues.own.delete(instance);
  } else if (pinned !== "") {
    const there = queues.pinned.get(pinned);
    const waiting = there?.get(priority);
    waiting?.delete(instance);
    if (waiting?.size === 0) there?.delete(priority);
    if (there?.size === 0) queues.pinned.delete(pinned);
  } else {
    const key = keyOf(instance, placement);
    const queue = queues.classes.get(key);
    queue?.waiting.delete(instance);
    if (queue?.waiting.size === 0) queues.classes.delete(key);
  }
}

/** Of two that wait, the one with the lower rank goes first: time waited counts beside priority. */
export function rankOf({ notBeforeMs, priority }: Instance): number {
  return notBeforeMs - priority * schedulerLimits.priorityStepMs;
}

/** What waits for this node alone, by priority. */
export function pinnedTo({ pinned }: Queues, node: string): Set<Instance>[] {
  return [...(pinned.get(node)?.values() ?? [])];
}

function keyOf({ avoids, priority }: Instance, placement: string): string {
  return `${priority}|${avoids}|${placement}`;
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
