import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Recorded } from "../state/event.ts";
import { isInterruption } from "./retry.ts";
import { findInstance, type Instance, type Run, type Runs, type Step } from "./runs.ts";

/** Applies an event to the runs. Total: every event that was ever recorded applies again the same. */
export function applyRuns(runs: Runs, catalogue: Catalogue, { atMs, event }: Recorded): void {
  switch (event.$case) {
    case "runStarted": {
      const { value } = event;
      const run: Run = {
        run: value.run,
        workflow: value.workflow,
        version: value.version,
        trigger: value.trigger,
        inputs: JSON.parse(value.inputsJson) as Record<string, unknown>,
        inputsJson: value.inputsJson,
        event: value.eventJson === "" ? null : (JSON.parse(value.eventJson) as unknown),
        startedMs: atMs,
        steps: newSteps(catalogue, value.version),
        state: "running",
        endedMs: 0,
        reason: "",
      };
      runs.byId.set(run.run, run);
      runs.active.set(run.run, run);
      if (value.idempotencyKey !== "") runs.byIdempotencyKey.set(value.idempotencyKey, run.run);
      return;
    }
    case "stepPlanned": {
      const step = runs.byId.get(event.value.run)?.steps.get(event.value.step);
      if (step === undefined) return;
      step.state = "running";
      step.instances = event.value.nodes.map((pinned, instance) =>
        newInstance(event.value.run, event.value.step, instance, pinned, atMs),
      );
      return;
    }
    case "attemptScheduled":
      return change(runs, event.value.attempt, (instance, key) => {
        instance.state = "scheduled";
        instance.attempt = key.attempt;
        instance.node = event.value.node;
        instance.scheduledMs = atMs;
        instance.startedMs = 0;
        instance.result = null;
        occupy(runs, instance);
      });
    case "attemptAccepted":
      return change(runs, event.value.attempt, (instance) => {
        instance.state = "accepted";
      });
    case "attemptStarted":
      return change(runs, event.value.attempt, (instance) => {
        instance.state = "running";
        instance.startedMs = event.value.nodeAtMs;
      });
    case "attemptEnded":
      return change(runs, event.value.attempt, (instance) => {
        const result = event.value.result ?? null;
        instance.result = result;
        instance.endedMs = atMs;
        instance.state = result?.outcome === "succeeded" ? "succeeded" : "failed";
        if (result !== null && isInterruption(result)) instance.interruptions++;
        release(runs, instance);
      });
    case "stepEnded": {
      const step = runs.byId.get(event.value.run)?.steps.get(event.value.step);
      if (step === undefined) return;
      step.state = event.value.outcome as Step["state"];
      step.reason = event.value.reason;
      return;
    }
    case "runEnded": {
      const run = runs.byId.get(event.value.run);
      if (run === undefined) return;
      run.state = event.value.outcome as Run["state"];
      run.reason = event.value.reason;
      run.endedMs = atMs;
      runs.active.delete(run.run);
      for (const step of run.steps.values())
        for (const instance of step.instances) release(runs, instance);
      return;
    }
    default:
      return;
  }
}

function newSteps(catalogue: Catalogue, version: string): Map<string, Step> {
  const { steps } = workflowAt(catalogue, version);
  return new Map(
    [...steps].map(([step, { kind }]) => [
      step,
      { step, kind, state: "waiting", reason: "", instances: [] },
    ]),
  );
}

function newInstance(
  run: string,
  step: string,
  instance: number,
  pinned: string,
  atMs: number,
): Instance {
  return {
    run,
    step,
    instance,
    pinned,
    attempt: 0,
    interruptions: 0,
    node: "",
    state: "queued",
    queuedMs: atMs,
    scheduledMs: 0,
    startedMs: 0,
    endedMs: 0,
    result: null,
  };
}

function change(
  runs: Runs,
  key: AttemptKey | undefined,
  update: (instance: Instance, key: AttemptKey) => void,
): void {
  const instance = key === undefined ? null : findInstance(runs, key);
  if (instance !== null && key !== undefined) update(instance, key);
}

function occupy(runs: Runs, instance: Instance): void {
  const there = runs.onNode.get(instance.node);
  if (there === undefined) runs.onNode.set(instance.node, new Set([instance]));
  else there.add(instance);
}

function release(runs: Runs, instance: Instance): void {
  runs.onNode.get(instance.node)?.delete(instance);
}
