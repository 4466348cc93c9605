import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { findActive, type Runs } from "../scheduler/runs.ts";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { checkReason } from "../state/reason.ts";
import { ulidTimeMs } from "../ulid.ts";
import { everyAttempt, isRevoked, type StepTokens, type TokenIds } from "./step-tokens.ts";

export interface TokenRevocation {
  /** Its id. */
  readonly token: string;
  /** "" for none. */
  readonly reason: string;
  readonly actor: string;
  /** What this process has given out; the log knows what was used. */
  readonly issued: TokenIds;
}

export interface RevokedToken {
  /** False when it was revoked before. */
  readonly changed: boolean;
  readonly attempt: AttemptKey;
  readonly node: string;
}

/**
 * The token is worth nothing from now on, nor is another of its attempt: its node may renew a token when it likes, so
 * that one alone would stop nobody. Throws TOKEN_UNKNOWN, TOKEN_EXPIRED, USAGE.
 */
export function decideTokenRevoked(
  { runs, stepTokens }: { readonly runs: Runs; readonly stepTokens: StepTokens },
  { token, reason, actor, issued }: TokenRevocation,
  nowMs: number,
): Decision<RevokedToken> {
  checkReason(reason);
  const attempt = attemptOf(issued, token) ?? attemptOf(stepTokens.known, token);
  const instance = attempt === null ? null : findActive(runs, attempt);
  if (attempt === null || instance === null) throw notLive(token, nowMs);
  const { node } = instance;
  if (isRevoked(stepTokens, attempt)) return nothing({ changed: false, attempt, node });
  const event: Event = { $case: "tokenRevoked", value: { actor, token, attempt, node, reason } };
  return { events: [event], value: { changed: true, attempt, node } };
}

function attemptOf(tokens: TokenIds, id: string): AttemptKey | null {
  return everyAttempt(tokens).find(({ ids }) => ids.has(id))?.attempt ?? null;
}

/** Its id tells when a token was issued, so that one of long ago needs not be remembered. */
function notLive(token: string, nowMs: number): CohortError {
  const issuedMs = ulidTimeMs(token);
  if (issuedMs === null) {
    return refuse("USAGE", "that is no id of a step token", {
      hint: "`cohort token list` shows ids, and so do the calls in the ledger: 26 characters.",
    });
  }
  if (issuedMs <= nowMs - limits.stepTokenLifetimeMs) {
    return refuse("TOKEN_EXPIRED", `the step token ${token} has expired by itself`, {
      hint: "If the node still calls, it does so with a token that `cohort token list` shows.",
    });
  }
  return refuse("TOKEN_UNKNOWN", `no attempt that goes on has the step token ${token}`, {
    hint: "`cohort token list` shows those that live; with its step's attempt a token ends by itself.",
  });
}
