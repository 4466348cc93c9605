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
  "NODE_DRAINED",
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
  const { retry } = step;
  // A person said no: to ask again until the answer is another would be to ignore it.
  if (instance.result.code === ("APPROVAL_DENIED" satisfies ErrorCode)) return null;
  if (retry === undefined || !isOneOf(instance.result, retry.on)) return null;
  const failures = instance.attempt - instance.interruptions;
  return failures <= retry.limit ? instance.endedMs + delayMs(retry, failures) : null;
}

type Retry = NonNullable<WorkflowStep["retry"]>;

function isOneOf({ code, exit }: Finished, on: Retry["on"]): boolean {
  if (on === undefined) return true;
  return on.some((it) => it === code || (code === "STEP_EXIT" && it === exit));
}

/** Before the attempt that follows so many failures, the first of which is 1. */
function delayMs({ delay, backoff, max_delay: most }: Retry, failures: number): number {
  const grown = Math.round(delay * backoff ** (failures - 1));
  return Math.min(grown, most ?? Math.max(delay, schedulerLimits.retryDelayMsMax));
}
