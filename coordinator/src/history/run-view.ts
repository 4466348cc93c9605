import type {
  Instance as InstanceView,
  Run as RunView,
  Step as StepView,
} from "@cohort/proto/gen/cohort/console";
import { chargesOfRun } from "../budget/report.ts";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { Instance, Run, Step } from "../scheduler/runs.ts";
import type { State } from "../state/state.ts";
import { historyLimits } from "./limits.ts";

/** A run as the console shows it, and as history keeps it once it has ended. */
export function runView(state: State, run: Run): RunView {
  return {
    ...headView(state, run),
    ...detailView(run),
    charges: chargesOfRun(state.budget, run.run),
  };
}

/** What a list shows of a run. */
export function headView(state: State, run: Run): RunView {
  return {
    run: run.run,
    workflow: run.workflow,
    version: run.version,
    state: run.state,
    trigger: run.trigger,
    inputsJson: run.inputsJson,
    requestedMs: run.requestedMs,
    startedMs: run.startedMs,
    endedMs: run.endedMs,
    group: run.claim?.group ?? "",
    parent: run.parent ?? undefined,
    depth: run.depth,
    outputsJson: "",
    reason: run.reason,
    pause: pauseView(run),
    retryOf: run.retryOf,
    rerunOf: run.rerunOf,
    limitNanoUsd: workflowAt(state.catalogue, run.version).definition.budget ?? 0,
    endsAltogether: run.endsAltogether,
    steps: [],
    charges: [],
    eventJson: "",
  };
}

function pauseView({ pause }: Run): RunView["pause"] {
  if (pause === null) return undefined;
  const { actor, reason, sinceMs } = pause;
  return { actor, reason, sinceMs };
}

/** What it leaves out, but the charges. */
export function detailView(run: Run): Pick<RunView, "steps" | "eventJson" | "outputsJson"> {
  const outputs = { bytesLeft: historyLimits.outputBytesMax };
  return {
    steps: [...run.steps.values()].map((step) => stepView(step, outputs)),
    eventJson: run.event === null ? "" : JSON.stringify(run.event),
    outputsJson: run.outputsJson,
  };
}

/** How much of a run's outputs may still be shown. */
interface Outputs {
  bytesLeft: number;
}

function stepView(step: Step, outputs: Outputs): StepView {
  return {
    step: step.step,
    kind: step.kind,
    state: step.state,
    reason: step.reason,
    skippedBy: step.skippedBy,
    taken: step.taken,
    instances: step.instances.map((it) => instanceView(it, outputs)),
  };
}

function instanceView(it: Instance, outputs: Outputs): InstanceView {
  const outputJson = it.result?.outputJson ?? "";
  const outputOmitted = outputJson.length > outputs.bytesLeft;
  if (!outputOmitted) outputs.bytesLeft -= outputJson.length;
  return {
    instance: it.instance,
    attempt: it.attempt,
    node: it.node,
    state: it.state,
    startedMs: it.startedMs === 0 ? it.scheduledMs : it.startedMs,
    endedMs: it.endedMs,
    outputJson: outputOmitted ? "" : outputJson,
    outputOmitted,
    cachedFrom: it.cachedFrom,
    child: it.child,
    code: it.result?.code ?? "",
    message: it.result?.message ?? "",
    usage: it.result?.usage,
    killed: it.result?.killed ?? "",
  };
}
