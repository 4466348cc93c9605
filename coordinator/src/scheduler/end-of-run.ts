import { ExpressionError } from "@cohort/proto/expression";
import { limits } from "@cohort/proto/limits";
import type { CompiledWorkflow } from "../workflow/compile.ts";
import { type Outcome, outcomeOfRun } from "./outcome.ts";
import type { Run } from "./runs.ts";
import { runVariables } from "./variables.ts";

/** How a run ends whose steps all have, and what it leaves; outputs without a value fail it. */
export function endOfRun(
  run: Run,
  { outputs }: CompiledWorkflow,
): Outcome & { readonly outputsJson: string } {
  const outcome = outcomeOfRun(run);
  if (outputs === null || outcome.outcome !== "succeeded") return { ...outcome, outputsJson: "" };
  try {
    const outputsJson = JSON.stringify(outputs.value.evaluate(runVariables(run, outputs)));
    const bytes = new TextEncoder().encode(outputsJson).length;
    if (bytes <= limits.runOutputsBytesMax) return { ...outcome, outputsJson };
    return failed(
      `LIMIT_EXCEEDED the outputs have ${bytes} bytes; they may have ${limits.runOutputsBytesMax}`,
    );
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return failed(`EXPRESSION_INVALID outputs: ${error.message}`.toWellFormed());
  }
}

function failed(reason: string): Outcome & { readonly outputsJson: string } {
  return { outcome: "failed", reason, outputsJson: "" };
}
