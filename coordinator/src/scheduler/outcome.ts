import { evaluateCondition } from "@cohort/proto/expression";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { endVariables } from "../workflow/dependencies.ts";
import type { Run, Step } from "./runs.ts";

export interface Outcome {
  readonly outcome: "succeeded" | "failed" | "skipped";
  readonly reason: string;
}

/** Whether what depends on the step may go on, and the run need not fail for it. */
export function endsWell(step: Step, { definition }: CompiledStep): boolean {
  return step.state === "succeeded" || (step.state === "failed" && definition.continue_on_failure);
}

/** Of a step whose instances have all ended for good; null while it goes on. */
export function outcomeOf(step: Step): Outcome | null {
  if (step.unended > 0) return null;
  const failed = step.instances.find((it) => it.state === "failed");
  if (failed === undefined) return { outcome: "succeeded", reason: "" };
  const { code = "", message = "" } = failed.result ?? {};
  return { outcome: "failed", reason: `${code} ${message}`.trim() };
}

/** Of a step that never begins; null when it may begin, now or later. */
export function refusalOf(run: Run, step: Step, workflow: CompiledWorkflow): Outcome | null {
  const compiled = workflow.steps.get(step.step) as CompiledStep;
  if (compiled.phase === "on_failure" && run.failure === "" && run.stopReason === "") {
    return { outcome: "skipped", reason: "no step failed" };
  }
  if (step.blocker !== "") {
    const { state } = run.steps.get(step.blocker) as Step;
    return { outcome: "skipped", reason: `step ${step.blocker} ${state}` };
  }
  const { condition } = compiled.dependencies;
  if (step.waitsFor > 0 || condition === null) return null;
  const ends = endVariables(compiled.dependencies, (id) => {
    const it = run.steps.get(id) as Step;
    return { state: it.state, well: endsWell(it, workflow.steps.get(id) as CompiledStep) };
  });
  if (evaluateCondition(condition, ends)) return null;
  return { outcome: "skipped", reason: `not so: ${String(compiled.definition.depends)}` };
}

/** Of a run all of whose steps have ended. */
export function outcomeOfRun(run: Run): Outcome {
  if (run.stopReason !== "") return { outcome: "failed", reason: run.stopReason };
  if (run.failure === "") return { outcome: "succeeded", reason: "" };
  const { reason } = run.steps.get(run.failure) as Step;
  return { outcome: "failed", reason: `step ${run.failure}: ${reason}` };
}
