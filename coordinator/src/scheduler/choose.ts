import { workflowAt } from "../catalogue/catalogue.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { Needs } from "../workflow/needs.ts";
import { type Candidates, candidatesFor, mayRunOn } from "./candidates.ts";
import { schedulerLimits } from "./limits.ts";
import { headOf, type Lane, pinnedTo, type Queue, type Queues, rankOf } from "./queues.ts";
import { hasFree, hasRoom } from "./room.ts";
import type { Instance, Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";
import { timeOf } from "./shares.ts";

/**
 * What goes next on a node that has room: of the priorities the one whose oldest has the lowest
 * rank, so that waiting outweighs priority in the end; of the workflows that wait at it the one that
 * has had the least of its share; of that workflow the oldest. What does not fit what is free is
 * overtaken, but not for ever: see `keepFree`.
 */
export function nextFor(schedule: Schedule, node: string): Instance | null {
  const { runs } = schedule;
  const kept = runs.room.kept.get(node);
  if (kept !== undefined) return hasFree(runs, node, kept.needs) ? kept : null;
  const bands = new Map<number, Band>();
  for (const queue of queuesFor(schedule, node)) {
    if (!hasFree(runs, node, queue.needs)) continue;
    for (const lane of queue.lanes.values()) consider(schedule, bands, lane);
  }
  let best: Band | null = null;
  for (const band of bands.values()) if (best === null || band.rank < best.rank) best = band;
  return best === null ? null : (best.lane.waiting.first() as Instance);
}

/** What one priority has waiting for a node. */
interface Band {
  /** The lowest of all its heads. */
  rank: number;
  /** The lane whose turn it is. */
  lane: Lane;
}

function consider(schedule: Schedule, bands: Map<number, Band>, lane: Lane): void {
  const rank = rankOf(lane.waiting.first() as Instance);
  const band = bands.get(lane.priority);
  if (band === undefined) return void bands.set(lane.priority, { rank, lane });
  if (goesBefore(schedule, lane, band.lane)) band.lane = lane;
  band.rank = Math.min(band.rank, rank);
}

/** A workflow has its turn within a time, whatever it has had elsewhere; else shares decide. */
function goesBefore({ runs: { nowMs } }: Schedule, a: Lane, b: Lane): boolean {
  const since = Math.min(a.turnMs, b.turnMs);
  if (nowMs - since >= schedulerLimits.turnMsMax) return a.turnMs < b.turnMs;
  const [timeA, timeB] = [timeOf(a.flow, nowMs), timeOf(b.flow, nowMs)];
  if (timeA !== timeB) return timeA < timeB;
  return rankOf(a.waiting.first() as Instance) < rankOf(b.waiting.first() as Instance);
}

/** Queues of what the node may run. */
function* queuesFor(schedule: Schedule, node: string): Iterable<Queue> {
  const { fleet, runs } = schedule;
  yield* pinnedTo(runs.queues, node);
  for (const queue of runs.queues.classes.values()) {
    if (mayRunOn(fleet, candidatesOf(schedule, queue), node, queue.avoids)) yield queue;
  }
}

/** Those of any instance in the queue are the same. */
function candidatesOf({ catalogue, fleet, runs }: Schedule, queue: Queue): Candidates {
  return candidatesFor(fleet, queue.placement, () => {
    const { run: id, step } = headOf(queue);
    const run = runs.byId.get(id) as Run;
    const compiled = workflowAt(catalogue, run.version).steps.get(step) as CompiledStep;
    return { step: compiled, run };
  });
}

/** A node that is to be kept free for what has waited too long for it to be free. */
export interface Kept {
  readonly instance: Instance;
  readonly node: string;
}

/**
 * Nodes to be kept free for what has waited too long in the queues, so that smaller ones that wait
 * too cannot overtake it for ever: one for each queue, the one that has the most memory free.
 */
export function keepFree(schedule: Schedule, due: readonly Queue[], nowMs: number): Kept[] {
  const least = leastNeeds(schedule.runs.queues);
  const kept: Kept[] = [];
  const byRank = due.toSorted((a, b) => rankOf(headOf(a)) - rankOf(headOf(b)));
  for (const queue of byRank) {
    const { memoryBytes, cpuMillis } = queue.needs;
    if (memoryBytes <= least.memoryBytes && cpuMillis <= least.cpuMillis) continue;
    const found = keepFor(schedule, queue, nowMs, new Set(kept.map(({ node }) => node)));
    if (found !== null) kept.push(found);
  }
  return kept;
}

/** The least of each that anything waiting needs. */
function leastNeeds({ classes, pinned }: Queues): Needs {
  let [memoryBytes, cpuMillis] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (const queues of [classes, ...pinned.values()]) {
    for (const { needs } of queues.values()) {
      memoryBytes = Math.min(memoryBytes, needs.memoryBytes);
      cpuMillis = Math.min(cpuMillis, needs.cpuMillis);
    }
  }
  return { memoryBytes, cpuMillis };
}

function keepFor(
  schedule: Schedule,
  queue: Queue,
  nowMs: number,
  taken: ReadonlySet<string>,
): Kept | null {
  const { fleet, runs } = schedule;
  const { room } = runs;
  const instance = headOf(queue);
  if (nowMs - instance.notBeforeMs < schedulerLimits.overtakenMsMax) return null;
  if (room.kept.get(instance.keeps) === instance) return null;
  const names = queue.pinned === "" ? candidatesOf(schedule, queue).set : new Set([queue.pinned]);
  let best: string | null = null;
  for (const node of room.open) {
    if (!names.has(node) || room.kept.has(node) || taken.has(node)) continue;
    if (hasRoom(fleet.nodes.get(node), runs, queue.needs)) return null;
    if (best === null || freeMemory(schedule, node) > freeMemory(schedule, best)) best = node;
  }
  return best === null ? null : { instance, node: best };
}

function freeMemory({ runs: { room } }: Schedule, node: string): number {
  return (room.offered.get(node)?.memoryBytes ?? 0) - (room.taken.get(node)?.memoryBytes ?? 0);
}
