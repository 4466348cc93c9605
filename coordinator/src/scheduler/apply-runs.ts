import type { RunStarted } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Recorded } from "../state/event.ts";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { placementOf } from "./placement.ts";
import { dequeue, enqueue } from "./queues.ts";
import { isInterruption, retryAt } from "./retry.ts";
import { findInstance, findStep, type Instance, type Run, type Runs, type Step } from "./runs.ts";

/** Applies an event to the runs. Total: every event that was ever recorded applies again the same. */
export function applyRuns(runs: Runs, catalogue: Catalogue, { atMs, event }: Recorded): void {
  switch (event.$case) {
    case "runStarted": {
      const run = newRun(event.value, catalogue, atMs);
      runs.byId.set(run.run, run);
      runs.active.set(run.run, run);
      for (const step of run.steps.values()) if (step.waitsFor === 0) runs.ready.add(step);
      const { idempotencyKey } = event.value;
      if (idempotencyKey !== "") runs.byIdempotencyKey.set(idempotencyKey, run.run);
      return;
    }
    case "stepPlanned": {
      const step = findStep(runs, event.value.run, event.value.step);
      if (step !== null) planStep(runs, catalogue, step, event.value.nodes, atMs);
      return;
    }
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
            return;
          }
          instance.state = "queued";
          instance.notBeforeMs = again;
          if (again > atMs) runs.queues.delayed.add(instance);
          else enqueue(runs.queues, instance, placement);
        },
      );
    case "retryDue":
      return change(runs, catalogue, event.value, (instance, { placement }) => {
        runs.queues.delayed.delete(instance);
        enqueue(runs.queues, instance, placement);
      });
    case "stepEnded": {
      const { run: id, step: name, outcome, reason } = event.value;
      const run = runs.byId.get(id);
      const step = run?.steps.get(name);
      if (run === undefined || step === undefined) return;
      step.state = outcome as Step["state"];
      step.reason = reason;
      run.unended--;
      runs.ready.delete(step);
      for (const next of workflowAt(catalogue, run.version).dependents.get(name) ?? []) {
        const dependent = run.steps.get(next);
        if (dependent === undefined || dependent.state !== "waiting") continue;
        dependent.waitsFor--;
        if (outcome !== "succeeded" && dependent.blocker === "") dependent.blocker = name;
        if (dependent.waitsFor === 0) runs.ready.add(dependent);
      }
      return;
    }
    case "runEnded": {
      const run = runs.byId.get(event.value.run);
      if (run === undefined) return;
      run.state = event.value.outcome as Run["state"];
      run.reason = event.value.reason;
      run.endedMs = atMs;
      runs.active.delete(run.run);
      forget(runs, catalogue, run);
      return;
    }
    default:
      return;
  }
}

/** What applying needs to know of an instance beside itself. */
interface Context {
  readonly step: Step;
  readonly compiled: CompiledStep;
  readonly placement: string | null;
}

function newRun(value: RunStarted, catalogue: Catalogue, atMs: number): Run {
  const workflow = workflowAt(catalogue, value.version);
  return {
    run: value.run,
    workflow: value.workflow,
    version: value.version,
    trigger: value.trigger,
    inputs: JSON.parse(value.inputsJson) as Record<string, unknown>,
    inputsJson: value.inputsJson,
    event: value.eventJson === "" ? null : (JSON.parse(value.eventJson) as unknown),
    startedMs: atMs,
    steps: newSteps(value.run, workflow),
    unended: workflow.steps.size,
    state: "running",
    endedMs: 0,
    reason: "",
  };
}

function newSteps(run: string, workflow: CompiledWorkflow): Map<string, Step> {
  return new Map(
    [...workflow.steps].map(([step, { kind, definition }]) => [
      step,
      {
        run,
        step,
        kind,
        waitsFor: definition.depends.length,
        blocker: "",
        state: "waiting",
        reason: "",
        instances: [],
        unended: 0,
      },
    ]),
  );
}

function planStep(
  runs: Runs,
  catalogue: Catalogue,
  step: Step,
  nodes: readonly string[],
  atMs: number,
): void {
  runs.ready.delete(step);
  step.state = "running";
  step.unended = nodes.length;
  step.instances = nodes.map((pinned, instance) => ({
    run: step.run,
    step: step.step,
    instance,
    pinned,
    attempt: 0,
    interruptions: 0,
    node: "",
    state: "queued",
    notBeforeMs: atMs,
    scheduledMs: 0,
    startedMs: 0,
    endedMs: 0,
    result: null,
  }));
  for (const instance of step.instances) {
    enqueue(runs.queues, instance, contextOf(runs, catalogue, instance).placement);
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

function contextOf(runs: Runs, catalogue: Catalogue, { run: id, step: name }: Instance): Context {
  const run = runs.byId.get(id) as Run;
  const step = run.steps.get(name) as Step;
  const compiled = workflowAt(catalogue, run.version).steps.get(name) as CompiledStep;
  return { step, compiled, placement: placementOf(compiled, run.inputs) };
}

function occupy(runs: Runs, instance: Instance): void {
  const there = runs.onNode.get(instance.node);
  if (there === undefined) runs.onNode.set(instance.node, new Set([instance]));
  else there.add(instance);
}

function release(runs: Runs, instance: Instance): void {
  const there = runs.onNode.get(instance.node);
  there?.delete(instance);
  if (there?.size === 0) runs.onNode.delete(instance.node);
}

/** Takes all that belongs to a run that is over out of the indexes. */
function forget(runs: Runs, catalogue: Catalogue, run: Run): void {
  for (const step of run.steps.values()) {
    runs.ready.delete(step);
    for (const instance of step.instances) {
      release(runs, instance);
      if (instance.state !== "queued") continue;
      dequeue(runs.queues, instance, contextOf(runs, catalogue, instance).placement);
    }
  }
}
