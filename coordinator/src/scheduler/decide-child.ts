import { ExpressionError } from "@cohort/proto/expression";
import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, refuse } from "@cohort/proto/problem";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { Decision } from "../state/decision.ts";
import { nothing } from "../state/decision.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { decideEnded, failure } from "./decide-attempt.ts";
import { followPause } from "./decide-pause.ts";
import { decideStart, type Starts } from "./decide-start.ts";
import { findActive, type Instance, type Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";
import { attemptVariables } from "./variables.ts";

/**
 * Starts the run that a `workflow` step asks for, of the newest version; what keeps it from starting
 * ends the attempt. An attempt that is over, or has its child, is left as it is.
 */
export function decideStartChild(
  schedule: Pick<Schedule, "catalogue" | "runs">,
  key: AttemptKey,
  starts: Starts,
): Decision<void> {
  const { catalogue, runs } = schedule;
  const instance = findActive(runs, key);
  if (instance === null || instance.child !== "") return nothing(undefined);
  const parent = runs.byId.get(key.run) as Run;
  const step = workflowAt(catalogue, parent.version).steps.get(key.step) as CompiledStep;
  try {
    const request = requestOf(parent, step, instance, key, starts);
    const { events } = decideStart(schedule, request, starts.history);
    const waits = events.some((it) => it.$case === "runStarted" && it.value.group !== "");
    const paused = waits ? [] : followPause(parent, request.run);
    return { events: [...events, ...paused], value: undefined };
  } catch (error) {
    const end = (code: string, message: string) => {
      const { events } = decideEnded(runs, key, failure(code, message));
      return { events, value: undefined };
    };
    if (error instanceof ExpressionError) return end("EXPRESSION_INVALID", error.message);
    if (error instanceof CohortError) return end(error.code, error.problems[0]?.message ?? "");
    throw error;
  }
}

function requestOf(
  parent: Run,
  step: CompiledStep,
  instance: Instance,
  key: AttemptKey,
  { newId }: Starts,
) {
  const depth = parent.depth + 1;
  if (depth > limits.workflowDepthMax) {
    const message = `sub-workflows may lie ${limits.workflowDepthMax} deep; this would be the next`;
    throw refuse("WORKFLOW_DEPTH", message);
  }
  return {
    run: newId(),
    workflow: step.definition.workflow as string,
    trigger: "workflow" as const,
    actor: `run ${parent.run}`,
    inputs: step.with.evaluate(attemptVariables(parent, step, instance, null)) as Record<
      string,
      unknown
    >,
    event: null,
    idempotencyKey: "",
    parent: { key, depth },
  };
}
