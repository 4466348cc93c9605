import type { StepEnded, StepExtended, StepPlanned } from "@cohort/proto/gen/cohort/ledger";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { phases } from "@cohort/proto/resources/workflow";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { contextOf } from "./context.ts";
import { endsWell } from "./outcome.ts";
import { findStep, type Instance, isActive, type Run, type Runs, type Step } from "./runs.ts";
import { clearTimer } from "./timers.ts";
import { endAttempt, leave, lineUp } from "./waiting.ts";

/** Gives the step its instances, and lets those go that may go on at once. */
export function applyStepPlanned(
  runs: Runs,
  catalogue: Catalogue,
  { run: id, step: name, nodes, variablesJson }: StepPlanned,
  atMs: number,
): void {
  const step = findStep(runs, id, name);
  if (step === null) return;
  const compiled = compiledStep(runs, catalogue, step);
  runs.ready.delete(step);
  step.state = "running";
  step.unended = nodes.length;
  step.instances = nodes.map((pinned, instance) => {
    const variables = JSON.parse(variablesJson[instance] ?? "{}") as Record<string, unknown>;
    return newInstance(step, compiled, { instance, pinned, variables }, atMs);
  });
  if (compiled.definition.nodes?.late_joiners) runs.joined.set(step, new Set(nodes));
  for (let left = Math.min(compiled.concurrentMax, nodes.length); left > 0; left--) {
    releaseNext(runs, catalogue, step, atMs);
  }
}

/** The attempt is the first of a step that began at once: it has this one instance. */
export function applyBegun(
  runs: Runs,
  catalogue: Catalogue,
  key: AttemptKey | undefined,
  atMs: number,
): void {
  const step = key === undefined ? null : findStep(runs, key.run, key.step);
  if (step?.state !== "waiting") return;
  const { run, step: name } = step;
  applyStepPlanned(runs, catalogue, { run, step: name, nodes: [""], variablesJson: [] }, atMs);
}

/** Gives the step instances on nodes that came late; they go on when those before them let them. */
export function applyStepExtended(
  runs: Runs,
  catalogue: Catalogue,
  { run: id, step: name, nodes }: StepExtended,
  atMs: number,
): void {
  const step = findStep(runs, id, name);
  if (step === null) return;
  const compiled = compiledStep(runs, catalogue, step);
  for (const pinned of nodes) {
    const ended = step.instances.length - step.unended;
    const instance = step.instances.length;
    step.instances.push(newInstance(step, compiled, { instance, pinned, variables: {} }, atMs));
    step.unended++;
    runs.joined.get(step)?.add(pinned);
    if (step.released - ended < compiled.concurrentMax) releaseNext(runs, catalogue, step, atMs);
  }
}

function newInstance(
  { run, step }: Step,
  { definition: { priority }, needs }: CompiledStep,
  own: Pick<Instance, "instance" | "pinned" | "variables">,
  atMs: number,
): Instance {
  return {
    run,
    step,
    ...own,
    priority,
    needs,
    avoids: "",
    keeps: "",
    attempt: 0,
    interruptions: 0,
    node: "",
    state: "queued",
    notBeforeMs: atMs,
    scheduledMs: 0,
    startedMs: 0,
    endedMs: 0,
    dueMs: 0,
    child: "",
    result: null,
    cachedFrom: "",
  };
}

function compiledStep(runs: Runs, catalogue: Catalogue, { run, step }: Step): CompiledStep {
  const { version } = runs.byId.get(run) as Run;
  return workflowAt(catalogue, version).steps.get(step) as CompiledStep;
}

/** Lets the instance go whose turn it is, if one still waits for its turn. */
export function releaseNext(runs: Runs, catalogue: Catalogue, step: Step, atMs: number): void {
  const next = step.instances[step.released];
  if (next === undefined) return;
  step.released++;
  lineUp(runs, next, contextOf(runs, catalogue, next), atMs);
}

/** Ends the step and what of it still goes on; what waited for it alone is ready, or its part over. */
export function applyStepEnded(
  runs: Runs,
  catalogue: Catalogue,
  { run: id, step: name, outcome, reason, actor }: StepEnded,
  atMs: number,
): void {
  const run = runs.byId.get(id);
  const step = run?.steps.get(name);
  if (run === undefined || step === undefined) return;
  cancelInstances(runs, catalogue, step, atMs);
  step.state = outcome as Step["state"];
  step.reason = reason;
  step.skippedBy = actor;
  settle(runs, workflowAt(catalogue, run.version), run, step);
}

/** What follows at once from a step that has just ended. */
export function settle(runs: Runs, workflow: CompiledWorkflow, run: Run, step: Step): void {
  const { step: name, state } = step;
  const compiled = workflow.steps.get(name) as CompiledStep;
  runs.ready.delete(step);
  runs.joined.delete(step);
  const well = endsWell(step, compiled);
  // What was cut off in the former run, and is not done again, has not been done.
  const fails = state === "failed" || (state === "cancelled" && step.taken);
  if (fails && !well && run.failure === "") run.failure = name;
  for (const next of workflow.dependents.get(name) ?? []) {
    const dependent = run.steps.get(next) as Step;
    if (dependent.state !== "waiting") continue;
    dependent.waitsFor--;
    const listed = workflow.steps.get(next)?.dependencies.condition === null;
    if (listed && !well && dependent.blocker === "") dependent.blocker = name;
    if (dependent.waitsFor === 0) runs.ready.add(dependent);
  }
  // One of a later part is left out when that begins.
  if (compiled.phase !== run.phase) return;
  run.unended--;
  if (run.unended === 0) clearTimer(runs.timers, run);
  while (run.unended === 0 && run.phase !== "finally") {
    run.phase = phases[phases.indexOf(run.phase) + 1] as Run["phase"];
    beginPhase(runs, workflow, run);
  }
}

/** Steps of the run's present part that wait for none may begin. */
export function beginPhase(runs: Runs, workflow: CompiledWorkflow, run: Run): void {
  const waiting = waitingSteps(workflow, run);
  run.unended = waiting.length;
  for (const step of waiting) if (step.waitsFor === 0) runs.ready.add(step);
}

/** Steps of the run's present part that have not begun. */
export function waitingSteps({ phases }: CompiledWorkflow, run: Run): Step[] {
  return phases[run.phase]
    .map((id) => run.steps.get(id) as Step)
    .filter((step) => step.state === "waiting");
}

function cancelInstances(runs: Runs, catalogue: Catalogue, step: Step, atMs: number): void {
  if (step.unended === 0) return;
  for (const instance of step.instances) {
    const context = contextOf(runs, catalogue, instance);
    if (isActive(instance)) endAttempt(runs, instance, context, atMs);
    else if (instance.state !== "queued") continue;
    leave(runs, instance, context, atMs);
    instance.state = "cancelled";
    instance.endedMs = atMs;
  }
  step.unended = 0;
}
