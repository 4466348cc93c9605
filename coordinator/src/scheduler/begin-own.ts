import { ExpressionError } from "@cohort/proto/expression";
import { limits } from "@cohort/proto/limits";
import { neutraliseLines } from "@cohort/proto/text";
import { type Catalogue, workflowAt } from "../catalogue/catalogue.ts";
import type { Event } from "../state/event.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { attemptEnded, failure } from "./decide-attempt.ts";
import { noticeOf, publicationOf } from "./publications.ts";
import { findActive, type Instance, keyOf, type Run, type Runs } from "./runs.ts";
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
  try {
    if (step.kind === "approve") return askNext(catalogue, runs, run, step, instance);
    if (step.kind !== "publish" || runs.publications.has(instance)) return null;
    const intended = publicationOf(catalogue, run, step, instance);
    return "outcome" in intended
      ? ended(instance, intended)
      : { $case: "publicationIntended", value: intended };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return ended(instance, failure("EXPRESSION_INVALID", error.message));
  }
}

/** The question itself, then each channel that is to be told of it. */
function askNext(
  catalogue: Catalogue,
  runs: Runs,
  run: Run,
  step: CompiledStep,
  instance: Instance,
): Event | null {
  const question = runs.asked.get(instance);
  if (question === undefined) return ask(run, step, instance);
  const told = runs.publications.get(instance) ?? [];
  const channel = step.definition.approve?.notify?.find(
    (name) => !told.some((it) => it.channel === name),
  );
  if (channel === undefined) return null;
  const value = noticeOf(catalogue, run, instance, question, channel);
  return { $case: "publicationIntended", value };
}

function ask(run: Run, step: CompiledStep, instance: Instance): Event {
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
