import type { Logger } from "pino";
import { meshLimits } from "./limits.ts";

/**
 * Writes what senders did wrong, but no more than a hostile one can be allowed to fill the log
 * with.
 */
export interface Complaints {
  about(sender: string, message: string, error?: unknown): void;
}

export function createComplaints(log: Logger, now: () => number): Complaints {
  let counts = new Map<string, number>();
  let sinceMs = now();
  return {
    about(sender, message, error) {
      if (now() - sinceMs >= 60_000) {
        counts = new Map();
        sinceMs = now();
      }
      const count = (counts.get(sender) ?? 0) + 1;
      counts.set(sender, count);
      if (count <= meshLimits.complaintsPerMinuteMax) log.warn({ sender, err: error }, message);
    },
  };
}
