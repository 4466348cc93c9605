import type { StepTaken, TakenInstance } from "@cohort/proto/gen/cohort/ledger";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import type { Needs } from "../workflow/needs.ts";
import { settle } from "./apply-step.ts";
import type { Instance, Runs, Step } from "./runs.ts";

/** Ends a step as it ended in the run that this one retries; a second entry brings more of it. */
export function applyStepTaken(
  runs: Runs,
  catalogue: Catalogue,
  { run: id, step: name, outcome, reason, skippedBy, instances }: StepTaken,
  atMs: number,
): void {
  const run = runs.byId.get(id);
  const step = run?.steps.get(name);
  if (run === undefined || step === undefined) return;
  const workflow = workflowAt(catalogue, run.version);
  const { needs } = workflow.steps.get(name) as CompiledStep;
  for (const it of instances) step.instances.push(takenInstance(step, it, needs, atMs));
  step.released = step.instances.length;
  if (step.taken) return;
  step.taken = true;
  step.state = outcome as Step["state"];
  step.reason = reason;
  step.skippedBy = skippedBy;
  settle(runs, workflow, run, step);
}

function takenInstance(step: Step, it: TakenInstance, needs: Needs, atMs: number): Instance {
  return {
    run: step.run,
    step: step.step,
    instance: step.instances.length,
    pinned: it.node,
    priority: 0,
    needs,
    keeps: "",
    variables: {},
    avoids: "",
    attempt: it.attempt,
    interruptions: 0,
    node: it.node,
    state: it.state as Instance["state"],
    notBeforeMs: atMs,
    scheduledMs: it.startedMs,
    startedMs: it.startedMs,
    endedMs: it.endedMs,
    dueMs: 0,
    result: it.result ?? null,
    cachedFrom: "",
    child: "",
  };
}
