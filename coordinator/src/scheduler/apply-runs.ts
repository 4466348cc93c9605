import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Recorded } from "../state/event.ts";
import { applyStepEnded, applyStepPlanned, beginPhase, releaseNext } from "./apply-step.ts";
import { type Context, contextOf, occupy, release } from "./context.ts";
import { newRun } from "./new-run.ts";
import { dequeue, enqueue } from "./queues.ts";
import { isInterruption, retryAt } from "./retry.ts";
import { findInstance, type Instance, type Run, type Runs } from "./runs.ts";

/** Applies an event to the runs. Total: every event that was ever recorded applies again the same. */
export function applyRuns(runs: Runs, catalogue: Catalogue, { atMs, event }: Recorded): void {
  switch (event.$case) {
    case "runStarted": {
      const run = newRun(event.value, catalogue, atMs);
      runs.byId.set(run.run, run);
      runs.active.set(run.run, run);
      beginPhase(runs, workflowAt(catalogue, run.version), run);
      const { idempotencyKey } = event.value;
      if (idempotencyKey !== "") runs.byIdempotencyKey.set(idempotencyKey, run.run);
      return;
    }
    case "stepPlanned":
      return applyStepPlanned(runs, catalogue, event.value, atMs);
    case "attemptScheduled":
      return change(runs, catalogue, event.value.attempt, (instance, context) => {
        dequeue(runs.queues, instance, context.placement);
        instance.state = "scheduled";
        instance.attempt = event.value.attempt?.attempt ?? 0;
        instance.node = event.value.node;
        instance.scheduledMs = atMs;
        instance.startedMs = 0;
        runs.scheduled++;
        occupy(runs, instance);
      });
    case "attemptAccepted":
      return change(runs, catalogue, event.value.attempt, (instance) => {
        instance.state = "accepted";
      });
    case "attemptStarted":
      return change(runs, catalogue, event.value.attempt, (instance) => {
        instance.state = "running";
        instance.startedMs = event.value.nodeAtMs;
      });
    case "attemptEnded":
      return change(
        runs,
        catalogue,
        event.value.attempt,
        (instance, { step, compiled, placement }) => {
          const result = event.value.result ?? null;
          release(runs, instance);
          instance.result = result;
          instance.endedMs = atMs;
          instance.state = result?.outcome === "succeeded" ? "succeeded" : "failed";
          if (result !== null && isInterruption(result)) instance.interruptions++;
          const again = instance.state === "failed" ? retryAt(instance, compiled.definition) : null;
          if (again === null) {
            step.unended--;
            if (instance.state === "failed") step.failures++;
            releaseNext(runs, catalogue, step);
            return;
          }
          instance.state = "queued";
          instance.notBeforeMs = again;
          if (compiled.definition.retry?.move === true) instance.avoids = instance.node;
          if (again > atMs) runs.queues.delayed.add(instance);
          else enqueue(runs.queues, instance, placement);
        },
      );
    case "retryDue":
      return change(runs, catalogue, event.value, (instance, { placement }) => {
        runs.queues.delayed.delete(instance);
        enqueue(runs.queues, instance, placement);
      });
    case "stepEnded":
      return applyStepEnded(runs, catalogue, event.value, atMs);
    case "runStopping": {
      const run = runs.byId.get(event.value.run);
      if (run !== undefined) run.stopReason = event.value.reason;
      return;
    }
    case "runEnded": {
      const run = runs.byId.get(event.value.run);
      if (run === undefined) return;
      run.state = event.value.outcome as Run["state"];
      run.reason = event.value.reason;
      run.endedMs = atMs;
      runs.active.delete(run.run);
      return;
    }
    default:
      return;
  }
}

function change(
  runs: Runs,
  catalogue: Catalogue,
  key: Omit<AttemptKey, "attempt"> | undefined,
  update: (instance: Instance, context: Context) => void,
): void {
  const instance = key === undefined ? null : findInstance(runs, { ...key, attempt: 0 });
  if (instance !== null) update(instance, contextOf(runs, catalogue, instance));
}
