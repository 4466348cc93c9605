import type { Instance } from "./runs.ts";

/**
 * Instances that wait for a node. Those that any of a class of nodes may run wait together, so that
 * a node that has room looks at one head a class, however many wait.
 */
export interface Queues {
  /** By class, in order of arrival. */
  readonly classes: Map<string, ClassQueue>;
  /** By node. */
  readonly pinned: Map<string, Set<Instance>>;
  /** The coordinator's own work; it waits for nothing but its time. */
  readonly own: Set<Instance>;
  /** To be tried again, but not yet. */
  readonly delayed: Set<Instance>;
}

export interface ClassQueue {
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
  else if (instance.pinned !== "") entry(queues.pinned, instance.pinned, newSet).add(instance);
  else
    entry(queues.classes, keyOf(instance, placement), () => newClass(instance)).waiting.add(
      instance,
    );
}

export function dequeue(queues: Queues, instance: Instance, placement: string | null): void {
  queues.delayed.delete(instance);
  if (placement === null) {
    queues.own.delete(instance);
  } else if (instance.pinned !== "") {
    const waiting = queues.pinned.get(instance.pinned);
    waiting?.delete(instance);
    if (waiting?.size === 0) queues.pinned.delete(instance.pinned);
  } else {
    const key = keyOf(instance, placement);
    const queue = queues.classes.get(key);
    queue?.waiting.delete(instance);
    if (queue?.waiting.size === 0) queues.classes.delete(key);
  }
}

const newSet = () => new Set<Instance>();
const newClass = ({ avoids }: Instance): ClassQueue => ({ avoids, waiting: new Set() });

function keyOf({ avoids }: Instance, placement: string): string {
  return avoids === "" ? placement : `${placement}|not ${avoids}`;
}

function entry<Key, Value>(map: Map<Key, Value>, key: Key, make: () => Value): Value {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}
