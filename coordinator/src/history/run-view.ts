import type { Run as RunView, Step as StepView } from "@cohort/proto/gen/cohort/console";
import { chargesOfRun } from "../budget/report.ts";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { Run, Step } from "../scheduler/runs.ts";
import type { State } from "../state/state.ts";

/** A run as the console shows it, and as history keeps it once it has ended. */
export function runView(state: State, run: Run, withSteps = true): RunView {
  return {
    run: run.run,
    workflow: run.workflow,
    version: run.version,
    state: run.state,
    trigger: run.trigger,
    inputsJson: run.inputsJson,
    startedMs: run.startedMs,
    endedMs: run.endedMs,
    reason: run.reason,
    steps: withSteps ? [...run.steps.values()].map(stepView) : [],
    charges: withSteps ? chargesOfRun(state.budget, run.run) : [],
    limitNanoUsd: workflowAt(state.catalogue, run.version).definition.budget ?? 0,
  };
}

function stepView(step: Step): StepView {
  return {
    step: step.step,
    kind: step.kind,
    state: step.state,
    reason: step.reason,
    instances: step.instances.map((it) => ({
      instance: it.instance,
      attempt: it.attempt,
      node: it.node,
      state: it.state,
      startedMs: it.startedMs === 0 ? it.scheduledMs : it.startedMs,
      endedMs: it.endedMs,
      outputJson: it.result?.outputJson ?? "",
      code: it.result?.code ?? "",
      message: it.result?.message ?? "",
      usage: it.result?.usage,
    })),
  };
}
