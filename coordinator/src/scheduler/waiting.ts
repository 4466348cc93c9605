import { type Context, lostAfterMs } from "./context.ts";
import { dequeue, enqueue, type Lane, type Place, putBack } from "./queues.ts";
import { release } from "./room.ts";
import type { Instance, Runs } from "./runs.ts";
import { beginWait, beginWork, endWait, endWork } from "./shares.ts";
import { clearTimer, setTimer } from "./timers.ts";

/**
 * The instance waits for a node from now on; if that is its own and is away, not for ever. While its
 * run is paused it waits for that to end first.
 */
export function lineUp(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  runs.queues.delayed.delete(instance);
  clearTimer(runs.timers, instance);
  if (context.run.pause !== null) return void context.run.pause.held.add(instance);
  const place = placeOf(runs, context, atMs);
  if (place === null) return void runs.queues.own.add(instance);
  enqueue(runs.queues, runs.timers, instance, place, atMs);
  watchAbsence(runs, instance, context, atMs);
}

/** Instances that waited before their run was paused, and go on where they would be now. */
export function lineUpAgain(
  runs: Runs,
  waiting: readonly (readonly [Instance, Context])[],
  atMs: number,
): void {
  const returning: (readonly [Instance, Place])[] = [];
  for (const [instance, context] of waiting) {
    const place = placeOf(runs, context, atMs);
    if (place === null) runs.queues.own.add(instance);
    else returning.push([instance, place]);
  }
  putBack(runs.queues, runs.timers, returning, atMs);
  for (const [instance, context] of waiting) watchAbsence(runs, instance, context, atMs);
}

/** The instance waits until a time before it waits for a node. */
export function putOff(runs: Runs, instance: Instance, { run: { pause } }: Context): void {
  runs.queues.delayed.add(instance);
  if (pause !== null) pause.held.add(instance);
  else setTimer(runs.timers, instance, instance.notBeforeMs);
}

/** The instance waits for nothing any more. The lane that it waited in; null when it was in none. */
export function leave(runs: Runs, instance: Instance, context: Context, atMs: number): Lane | null {
  const { kept } = runs.room;
  const { run } = context;
  clearTimer(runs.timers, instance);
  run.pause?.held.delete(instance);
  if (kept.get(instance.keeps) === instance) kept.delete(instance.keeps);
  const lane = dequeue(runs.queues, runs.timers, instance, context);
  if (lane !== null) endWait(runs.shares, run.workflow, atMs);
  return lane;
}

/** The instance has its turn on a node, or begins as work of the coordinator's own. */
export function takeTurn(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  const { placement, run, workflow } = context;
  if (placement !== null) beginWork(runs.shares, run.workflow, workflow.definition.share, atMs);
  const lane = leave(runs, instance, context, atMs);
  if (lane !== null) lane.turnMs = atMs;
}

/** The attempt takes nothing of its node any more. */
export function endAttempt(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  release(runs, instance);
  if (context.placement !== null) endWork(runs.shares, context.run.workflow, atMs);
}

/** Its node went away: that is borne so long as the step says. */
export function watchLoss(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  const afterMs = lostAfterMs(context.compiled);
  if (afterMs !== null) setTimer(runs.timers, instance, atMs + afterMs);
}

function watchAbsence(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  const { pinned } = instance;
  if (pinned !== "" && runs.away.has(pinned)) watchLoss(runs, instance, context, atMs);
}

/** Its workflow has one waiting more; null for the coordinator's own work. */
function placeOf(
  { shares }: Runs,
  { placement, run, workflow }: Context,
  atMs: number,
): Place | null {
  if (placement === null) return null;
  const { share } = workflow.definition;
  return { placement, flow: beginWait(shares, run.workflow, share, atMs) };
}
