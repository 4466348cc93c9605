import type { ErrorCode } from "@cohort/proto/errors";
import type { Finished } from "@cohort/proto/gen/cohort/node";
import type { WorkflowStep } from "@cohort/proto/resources/workflow";
import { schedulerLimits } from "./limits.ts";
import type { Instance } from "./runs.ts";

/** Ends of an attempt that are no fault of the step: it is given another, beside its own retries. */
const interruptions: ReadonlySet<string> = new Set<ErrorCode>([
  "NODE_INTERRUPTED",
  "NODE_LOST",
  "NODE_BUSY",
  "CALL_UNCERTAIN",
]);

export function isInterruption(result: Finished): boolean {
  return result.outcome !== "succeeded" && interruptions.has(result.code);
}

/** When a failed instance may be tried again, in ms since 1970; null when it may not. */
export function retryAt(instance: Instance, step: WorkflowStep): number | null {
  if (instance.result === null) return null;
  if (isInterruption(instance.result)) {
    const left = instance.interruptions <= schedulerLimits.interruptionsMax;
    return left ? instance.endedMs + schedulerLimits.interruptionDelayMs : null;
  }
  const failures = instance.attempt - instance.interruptions;
  return failures <= step.retry.limit ? instance.endedMs + step.retry.delay : null;
}
