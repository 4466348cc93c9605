import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import type { CustodyState } from "./custody.ts";
import { custodyLimits } from "./limits.ts";

/**
 * Step tokens are encrypted with another key from now on. Those under the former one are good until their
 * time is over, or with `atOnce` not any more.
 */
export function decideTokenKeyRotated(
  { tokenKey }: CustodyState,
  { actor, atOnce }: { readonly actor: string; readonly atOnce: boolean },
  nowMs: number,
): Decision<void> {
  const formerUntilMs = nowMs + (atOnce ? 0 : custodyLimits.tokenKeyOverlapMs);
  const id = String(Number(tokenKey.id) + 1);
  const event: Event = { $case: "tokenKeyRotated", value: { actor, id, formerUntilMs } };
  return { events: [event], value: undefined };
}

/** The same, when the key is old enough. */
export function decideTokenKeyAge(custody: CustodyState, nowMs: number): Decision<void> {
  if (nowMs - custody.tokenKey.sinceMs < custodyLimits.tokenKeyAgeMsMax) return nothing(undefined);
  return decideTokenKeyRotated(custody, { actor: "", atOnce: false }, nowMs);
}
