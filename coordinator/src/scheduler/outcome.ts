import { ExpressionError, evaluateCondition } from "@cohort/proto/expression";
import type { CompiledStep, CompiledWorkflow } from "../workflow/compile.ts";
import { endVariables } from "../workflow/dependencies.ts";
import type { Run, Step } from "./runs.ts";
import { runVariables } from "./variables.ts";

export interface Outcome {
  readonly outcome: "succeeded" | "failed" | "skipped" | "cancelled";
  readonly reason: string;
}

/** Whether what depends on the step may go on, and the run need not fail for it. */
export function endsWell(
  { state, skippedBy }: Pick<Step, "skippedBy"> & { readonly state: string },
  { definition }: CompiledStep,
): boolean {
  if (state === "succeeded" || skippedBy !== "") return true;
  return state === "failed" && definition.continue_on_failure;
}

/** Of a step whose end is certain; null while it goes on. */
export function outcomeOf(step: Step, compiled: CompiledStep): Outcome | null {
  const tooMany = step.failures > compiled.failuresMax;
  if (step.unended > 0 && !tooMany) return null;
  const size = step.instances.length;
  const enough = size - step.failures >= neededOf(compiled, size);
  if (enough && !tooMany) return { outcome: "succeeded", reason: "" };
  const failed = step.instances.find((it) => it.state === "failed");
  const { code = "", message = "" } = failed?.result ?? {};
  const which =
    size === 1 ? "" : ` in instance ${failed?.instance}, ${step.failures} of ${size} failed:`;
  return { outcome: "failed", reason: `${code}${which} ${message}`.trim() };
}

/** Of so many instances, those that must succeed. */
export function neededOf({ definition: { nodes } }: CompiledStep, size: number): number {
  const { quorum, max_failures: failures } = nodes ?? {};
  if (typeof quorum === "number") return quorum;
  if (quorum !== undefined) return Math.ceil((size * Number.parseInt(quorum, 10)) / 100);
  return failures === undefined ? size : Math.max(0, size - failures);
}

/** Of a step that never begins; null when it may begin, now or later. */
export function refusalOf(run: Run, step: Step, workflow: CompiledWorkflow): Outcome | null {
  const compiled = workflow.steps.get(step.step) as CompiledStep;
  if (compiled.phase === "on_failure" && run.failure === "" && run.stopOutcome === null) {
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

/** Of a step whose `if` does not hold, or cannot be told; null when it holds. */
export function conditionOutcome(run: Run, compiled: CompiledStep): Outcome | null {
  if (compiled.condition === null) return null;
  try {
    const holds = evaluateCondition(compiled.condition, runVariables(run, compiled));
    return holds ? null : { outcome: "skipped", reason: "its condition is false" };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return { outcome: "failed", reason: `EXPRESSION_INVALID if: ${error.message}`.toWellFormed() };
  }
}

/** Of a step that a stopped run does not let go on; null when the step may, or has ended. */
export function stopOf(run: Run, step: Step, { phase }: CompiledStep): Outcome | null {
  if (run.stopOutcome === null) return null;
  const isLeft = phase === "finally" || (phase === "on_failure" && run.stopOutcome === "failed");
  if (isLeft && !run.endsAltogether) return null;
  const reason = run.stopReason;
  if (step.state === "waiting") return { outcome: "skipped", reason };
  return step.state === "running" ? { outcome: run.stopOutcome, reason } : null;
}

/** Of a run all of whose steps have ended. */
export function outcomeOfRun(run: Run): Outcome {
  if (run.stopOutcome !== null) return { outcome: run.stopOutcome, reason: run.stopReason };
  if (run.failure === "") return { outcome: "succeeded", reason: "" };
  const { reason } = run.steps.get(run.failure) as Step;
  return { outcome: "failed", reason: `step ${run.failure}: ${reason}` };
}
