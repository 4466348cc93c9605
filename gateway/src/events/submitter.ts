import { setMaxListeners } from "node:events";
import { CohortError } from "@cohort/proto/problem";
import type { Logger } from "pino";
import { backoffMs, pause } from "../backoff.ts";
import type { ConsoleClient } from "../console-client/console-client.ts";
import { mayPass } from "../console-client/problems.ts";
import { limits } from "../limits.ts";
import type { EventQueue, PendingEvent } from "./event-queue.ts";

/**
 * Brings events from the queue to the coordinator. The same id goes with every retry, so that an
 * event whose answer was lost still starts one run. Returns when the queue is closed and empty, or
 * the signal aborts.
 */
export async function submitEvents(parts: {
  readonly queue: EventQueue;
  readonly console: ConsoleClient;
  readonly log: Logger;
  readonly random: () => number;
  readonly signal: AbortSignal;
}): Promise<void> {
  setMaxListeners(limits.submissionsInFlightMax * 2, parts.signal);
  const worker = async (): Promise<void> => {
    while (!parts.signal.aborted) {
      const event = await parts.queue.take();
      if (event === null) return;
      await submitUntilDecided(event, parts);
    }
  };
  await Promise.all(Array.from({ length: limits.submissionsInFlightMax }, worker));
}

type Parts = Parameters<typeof submitEvents>[0];

async function submitUntilDecided(event: PendingEvent, parts: Parts): Promise<void> {
  const { console, log, random, signal } = parts;
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      const { run, existing } = await console.call(
        console.events,
        console.events.submit,
        { ...event, source: "mqtt" },
        { timeoutMs: limits.submitTimeoutMs, signal },
      );
      return log.debug({ event: event.id, workflow: event.workflow, run, existing }, "submitted");
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      const fields = { event: event.id, workflow: event.workflow, problems: error.problems };
      if (!mayPass(error)) return log.error(fields, "the coordinator refused an event");
      if (attempt === 0) log.warn(fields, "an event waits for the coordinator");
      await pause(backoffMs(attempt, random), signal);
    }
  }
}
