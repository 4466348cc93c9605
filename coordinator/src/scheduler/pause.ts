import type { RunPaused } from "@cohort/proto/gen/cohort/ledger";
import type { Catalogue } from "../catalogue/catalogue.ts";
import { contextOf } from "./context.ts";
import type { Instance, Run, Runs } from "./runs.ts";
import { clearTimer, setTimer } from "./timers.ts";
import { leave, lineUpAgain, putOff } from "./waiting.ts";

/** Takes what waits of the run out of the queues, and stops its clocks. */
export function beginPause(
  runs: Runs,
  catalogue: Catalogue,
  run: Run,
  { actor, reason, above }: RunPaused,
  atMs: number,
): void {
  if (run.pause !== null) return;
  const { dueMs } = run;
  clearTimer(runs.timers, run);
  const waiting = [...run.steps.values()].flatMap((step) =>
    step.instances.slice(0, step.released).filter((it) => it.state === "queued"),
  );
  const delayed = waiting.filter((it) => runs.queues.delayed.has(it));
  for (const instance of waiting) {
    leave(runs, instance, contextOf(runs, catalogue, instance), atMs);
  }
  for (const instance of delayed) runs.queues.delayed.add(instance);
  run.pause = { sinceMs: atMs, actor, reason, above, dueMs, held: new Set(waiting) };
}

/** What waited goes on waiting where it would be now; the clocks of the run go on. */
export function endPause(runs: Runs, catalogue: Catalogue, run: Run, atMs: number): void {
  const { pause } = run;
  if (pause === null) return;
  run.pause = null;
  // Its timeout covers the steps alone, and they may all have ended meanwhile.
  if (pause.dueMs !== 0 && run.phase === "steps") {
    setTimer(runs.timers, run, pause.dueMs + timeFrom(pause.sinceMs, atMs));
  }
  const withContext = (instance: Instance) =>
    [instance, contextOf(runs, catalogue, instance)] as const;
  const held = [...pause.held];
  for (const [instance, context] of held
    .filter((it) => runs.queues.delayed.has(it))
    .map(withContext)) {
    // The delay of one that ended during the pause has not begun before now.
    instance.notBeforeMs += timeFrom(Math.max(pause.sinceMs, instance.endedMs), atMs);
    putOff(runs, instance, context);
  }
  const waiting = held.filter((it) => !runs.queues.delayed.has(it)).map(withContext);
  lineUpAgain(runs, waiting, atMs);
}

/** A clock that stepped back has let no time pass. */
function timeFrom(fromMs: number, atMs: number): number {
  return Math.max(0, atMs - fromMs);
}
