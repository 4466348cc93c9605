import { entry } from "../state/entry.ts";
import type { Needs } from "../workflow/needs.ts";
import type { Context } from "./context.ts";
import { Fifo } from "./fifo.ts";
import { schedulerLimits } from "./limits.ts";
import type { Instance } from "./runs.ts";
import type { Flow } from "./shares.ts";
import { clearTimer, setTimer, type Timed, type Timers } from "./timers.ts";

/**
 * Instances that wait for a node. Those that the same nodes may run, and that take the same of them,
 * wait in one queue, so that a node that has room asks once for them all; in it each workflow has a
 * lane for each priority, so that only the heads of lanes are compared, however many wait. What comes
 * back from a pause has lanes of its own, in the order of rank: none of the others had to move.
 */
export interface Queues {
  /** By class of nodes, and the node to avoid. */
  readonly classes: Map<string, Queue>;
  /** What waits for one node alone: by node, then by class. */
  readonly pinned: Map<string, Map<string, Queue>>;
  /** The coordinator's own work; it waits for nothing but its time. */
  readonly own: Set<Instance>;
  /** To be tried again, but not yet. */
  readonly delayed: Set<Instance>;
  /** Instances in the queues of nodes. */
  waiting: number;
}

/** Due when it has waited for so long that a node may have to be kept free for what waits in it. */
export interface Queue extends Timed {
  readonly placement: string;
  /** Node that all of these must run on; "" for any of the class. */
  readonly pinned: string;
  /** Node that none of these is to run on, if another will do; "" for none. */
  readonly avoids: string;
  readonly needs: Needs;
  readonly lanes: Map<string, Lane>;
}

export interface Lane {
  readonly flow: Flow;
  readonly priority: number;
  readonly waiting: Fifo<Instance>;
  /** When it had its last turn, or began to wait for the first. */
  turnMs: number;
}

export function emptyQueues(): Queues {
  return { classes: new Map(), pinned: new Map(), own: new Set(), delayed: new Set(), waiting: 0 };
}

/** Whose turn it is, and among which nodes. */
export interface Place {
  readonly placement: string;
  readonly flow: Flow;
}

export function enqueue(
  queues: Queues,
  timers: Timers<Timed>,
  instance: Instance,
  place: Place,
  atMs: number,
): void {
  laneFor(queues, timers, instance, place, "", atMs).waiting.add(instance);
  queues.waiting++;
}

/** They wait again, each before what came after it. */
export function putBack(
  queues: Queues,
  timers: Timers<Timed>,
  returning: readonly (readonly [Instance, Place])[],
  atMs: number,
): void {
  const lanes = new Set<Lane>();
  for (const [instance, place] of returning) {
    const lane = laneFor(queues, timers, instance, place, returned, atMs);
    lane.waiting.add(instance);
    lanes.add(lane);
  }
  for (const { waiting } of lanes) waiting.sort((a, b) => rankOf(a) - rankOf(b));
  queues.waiting += returning.length;
}

/** The lane that it waited in; null when it waited for no node. */
export function dequeue(
  queues: Queues,
  timers: Timers<Timed>,
  instance: Instance,
  { placement, run: { workflow } }: Pick<Context, "placement" | "run">,
): Lane | null {
  queues.delayed.delete(instance);
  queues.own.delete(instance);
  if (placement === null) return null;
  const { pinned, priority } = instance;
  const there = pinned === "" ? queues.classes : queues.pinned.get(pinned);
  const queue = there?.get(keyOf(instance, placement));
  if (queue === undefined) return null;
  const lane =
    takeFrom(queue, instance, laneOf(priority, workflow, "")) ??
    takeFrom(queue, instance, laneOf(priority, workflow, returned));
  if (lane === null) return null;
  queues.waiting--;
  if (queue.lanes.size > 0) return lane;
  clearTimer(timers, queue);
  there?.delete(keyOf(instance, placement));
  if (there?.size === 0) queues.pinned.delete(pinned);
  return lane;
}

/** Of two that wait, the one with the lower rank goes first: time waited counts beside priority. */
export function rankOf({ notBeforeMs, priority }: Pick<Instance, "notBeforeMs" | "priority">) {
  return notBeforeMs - priority * schedulerLimits.priorityStepMs;
}

/** Queues of what this node alone may run. */
export function pinnedTo({ pinned }: Queues, node: string): Iterable<Queue> {
  return pinned.get(node)?.values() ?? [];
}

/** What has the lowest rank of a queue. A queue that stands has one. */
export function headOf({ lanes }: Queue): Instance {
  let head: Instance | undefined;
  for (const { waiting } of lanes.values()) {
    const first = waiting.first() as Instance;
    if (head === undefined || rankOf(first) < rankOf(head)) head = first;
  }
  return head as Instance;
}

export function instancesOf({ lanes }: Queue): Instance[] {
  return [...lanes.values()].flatMap(({ waiting }) => [...waiting.items]);
}

/** Where it stands in its lane, from 1, and how many wait in its queue; null when in none. */
export function placeInLane(
  { classes, pinned }: Queues,
  instance: Instance,
  placement: string,
  workflow: string,
): { readonly position: number; readonly waiting: number } | null {
  const there = instance.pinned === "" ? classes : pinned.get(instance.pinned);
  const queue = there?.get(keyOf(instance, placement));
  if (queue === undefined) return null;
  const waiting = [...queue.lanes.values()].reduce((sum, lane) => sum + lane.waiting.size, 0);
  for (const mark of ["", returned]) {
    const items = queue.lanes.get(laneOf(instance.priority, workflow, mark))?.waiting.items;
    if (items?.has(instance)) return { position: [...items].indexOf(instance) + 1, waiting };
  }
  return null;
}

function queuesOf({ classes, pinned }: Queues, node: string): Map<string, Queue> {
  return node === "" ? classes : entry(pinned, node, () => new Map<string, Queue>());
}

/** Part of the key of a lane that holds what came back from a pause. */
const returned = "returned";

function laneFor(
  queues: Queues,
  timers: Timers<Timed>,
  instance: Instance,
  { placement, flow }: Place,
  mark: string,
  atMs: number,
): Lane {
  const { priority, avoids, pinned, needs } = instance;
  const queue = entry(queuesOf(queues, pinned), keyOf(instance, placement), () => {
    const made: Queue = { placement, pinned, avoids, needs, lanes: new Map(), dueMs: 0 };
    setTimer(timers, made, instance.notBeforeMs + schedulerLimits.overtakenMsMax);
    return made;
  });
  const make = (): Lane => ({ flow, priority, waiting: new Fifo(), turnMs: atMs });
  return entry(queue.lanes, laneOf(priority, flow.workflow, mark), make);
}

/** Null when it does not wait in that lane. */
function takeFrom({ lanes }: Queue, instance: Instance, key: string): Lane | null {
  const lane = lanes.get(key);
  if (lane?.waiting.delete(instance) !== true) return null;
  if (lane.waiting.size === 0) lanes.delete(key);
  return lane;
}

function keyOf({ avoids }: Instance, placement: string): string {
  return `${avoids}|${placement}`;
}

function laneOf(priority: number, workflow: string, mark: string): string {
  return `${mark}${priority}|${workflow}`;
}
