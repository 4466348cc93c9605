import { type Context, lostAfterMs } from "./context.ts";
import { dequeue, enqueue } from "./queues.ts";
import type { Instance, Runs } from "./runs.ts";
import { clearTimer, setTimer } from "./timers.ts";

/** The instance waits for a node from now on; if that is its own and is away, not for ever. */
export function lineUp(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  runs.queues.delayed.delete(instance);
  clearTimer(runs.timers, instance);
  enqueue(runs.queues, instance, context.placement);
  const { pinned } = instance;
  if (pinned !== "" && runs.away.has(pinned)) watchLoss(runs, instance, context, atMs);
}

/** The instance waits until a time before it waits for a node. */
export function putOff(runs: Runs, instance: Instance): void {
  runs.queues.delayed.add(instance);
  setTimer(runs.timers, instance, instance.notBeforeMs);
}

/** The instance waits for nothing any more. */
export function leave(runs: Runs, instance: Instance, { placement }: Context): void {
  clearTimer(runs.timers, instance);
  dequeue(runs.queues, instance, placement);
}

/** Its node went away: that is borne so long as the step says. */
export function watchLoss(runs: Runs, instance: Instance, context: Context, atMs: number): void {
  const afterMs = lostAfterMs(context.compiled);
  if (afterMs !== null) setTimer(runs.timers, instance, atMs + afterMs);
}
