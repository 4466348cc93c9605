import { ExpressionError } from "@cohort/proto/expression";
import { limits } from "@cohort/proto/limits";
import { neutraliseLines } from "@cohort/proto/text";
import { workflowAt } from "../catalogue/catalogue.ts";
import type { Event } from "../state/event.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { attemptEnded, failure } from "./decide-attempt.ts";
import { findActive, type Instance, keyOf, type Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";
import { attemptVariables } from "./variables.ts";

/**
 * What an attempt of the coordinator's own asks of others as it begins, with its expressions
 * evaluated; its end when they have no value. Null where there is nothing to ask, or nothing more.
 */
export function beginOwn({ catalogue, runs }: Schedule, instance: Instance): Event | null {
  if (findActive(runs, keyOf(instance)) !== instance) return null;
  const run = runs.byId.get(instance.run) as Run;
  const step = workflowAt(catalogue, run.version).steps.get(instance.step) as CompiledStep;
  if (step.kind !== "approve" || runs.asked.has(instance)) return null;
  try {
    return request(run, step, instance);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return ended(instance, failure("EXPRESSION_INVALID", error.message));
  }
}

function request(run: Run, step: CompiledStep, instance: Instance): Event {
  const asked = step.prompt?.evaluate(attemptVariables(run, step, instance, null));
  const prompt = neutraliseLines(typeof asked === "string" ? asked : JSON.stringify(asked));
  if (prompt.length > limits.promptLengthMax) {
    const message = `the prompt is longer than ${limits.promptLengthMax} characters`;
    return ended(instance, failure("LIMIT_EXCEEDED", message));
  }
  const roles = step.definition.approve?.roles ?? [];
  return { $case: "approvalRequested", value: { attempt: keyOf(instance), prompt, roles } };
}

function ended(instance: Instance, result: ReturnType<typeof failure>): Event {
  return attemptEnded(keyOf(instance), result);
}
