import type { TriggerSet } from "@cohort/proto/gen/cohort/console";
import { CohortError } from "@cohort/proto/problem";
import type { Logger } from "pino";
import { backoffMs, pause } from "../backoff.ts";
import type { ConsoleClient } from "../console-client/console-client.ts";

/** Follows the coordinator's triggers until the signal aborts, whatever happens in between. */
export async function watchTriggers(parts: {
  readonly console: ConsoleClient;
  readonly log: Logger;
  readonly random: () => number;
  readonly signal: AbortSignal;
  readonly onTriggers: (set: TriggerSet) => void;
}): Promise<void> {
  const { console, log, random, signal } = parts;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const watch = console.events.watchTriggers;
      for await (const set of console.stream(console.events, watch, {}, signal)) {
        attempt = 0;
        parts.onTriggers(set);
      }
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      log.warn({ problems: error.problems }, "the coordinator is away; the last triggers stay");
    }
    await pause(backoffMs(attempt, random), signal);
  }
}
