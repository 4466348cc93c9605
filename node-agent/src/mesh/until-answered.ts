import { CohortError, type Problem, refuse } from "@cohort/proto/problem";
import type { Host } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { backoffMs, delay } from "../wait.ts";

/** What another try may mend: nobody listens, no answer came, too much at once, no store for now. */
const passing: ReadonlySet<string> = new Set([
  "UNREACHABLE",
  "CALL_UNCERTAIN",
  "LIMIT_EXCEEDED",
  "INTERNAL",
  "ARTIFACT_STORE_UNAVAILABLE",
]);

/**
 * Asks until it is answered: connections break, and nothing is lost by it. Throws what the answer
 * refuses it with, unless that passes, and STEP_CANCELLED when `signal` is aborted.
 */
export async function untilAnswered<Reply extends { readonly problems: readonly Problem[] }>(
  host: Host,
  ask: () => Promise<Reply>,
  signal: AbortSignal,
): Promise<Reply> {
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const reply = await ask();
      if (reply.problems.length > 0) throw new CohortError(reply.problems);
      return reply;
    } catch (error) {
      if (!(error instanceof CohortError) || !passing.has(error.code)) throw error;
    }
    const { retryDelayMsMin, retryDelayMsMax } = agentLimits;
    await delay(backoffMs(host, failures, retryDelayMsMin, retryDelayMsMax), signal);
  }
  throw refuse("STEP_CANCELLED", "what asked was ended before it was answered");
}
