import { type Context, lostAfterMs } from "./context.ts";
import { dequeue, enqueue, putBack } from "./queues.ts";
import type { Instance, Runs } from "./runs.ts";
import { clearTimer, setTimer } from "./timers.ts";

/**
 * The instance waits for a node from now on; if that is its own and is away, not for ever. While its
 * run is paused it waits for that to end first.
 */
export function lineUp(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  runs.queues.delayed.delete(instance);
  clearTimer(runs.timers, instance);
  if (context.run.pause !== null) return void context.run.pause.held.add(instance);
  enqueue(runs.queues, instance, context.placement);
  watchAbsence(runs, instance, context, atMs);
}

/** Instances that waited before their run was paused, and go on where they would be now. */
export function lineUpAgain(
  runs: Runs,
  waiting: readonly (readonly [Instance, Context])[],
  atMs: number,
): void {
  putBack(
    runs.queues,
    waiting.map(([instance, { placement }]) => [instance, placement]),
  );
  for (const [instance, context] of waiting) watchAbsence(runs, instance, context, atMs);
}

/** The instance waits until a time before it waits for a node. */
export function putOff(runs: Runs, instance: Instance, { run: { pause } }: Context): void {
  runs.queues.delayed.add(instance);
  if (pause !== null) pause.held.add(instance);
  else setTimer(runs.timers, instance, instance.notBeforeMs);
}

/** The instance waits for nothing any more. */
export function leave(runs: Runs, instance: Instance, { run, placement }: Context): void {
  clearTimer(runs.timers, instance);
  run.pause?.held.delete(instance);
  dequeue(runs.queues, instance, placement);
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
