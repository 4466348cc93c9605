import { setTimeout as delay } from "node:timers/promises";
import { limits } from "./limits.ts";

/**
 * Exponential back-off whose later half is jittered: the wait before attempt `attempt` (from 0), in ms. The
 * jitter keeps gateways that lost one coordinator from coming back in step.
 */
export function backoffMs(attempt: number, random: () => number): number {
  const ceiling = Math.min(limits.retryMsMax, limits.retryFirstMs * 2 ** Math.min(attempt, 20));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

/** Waits; false when the signal ended the wait. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  return await delay(milliseconds, true, { signal }).catch(() => false);
}
