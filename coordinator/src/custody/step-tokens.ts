import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { keepNewest } from "@cohort/proto/keep-newest";
import { type Problem, problem } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import type { Recorded } from "../state/event.ts";
import { custodyLimits } from "./limits.ts";

/** Ids of step tokens by step and attempt, for as long as the attempt goes on. */
export type TokenIds = Map<string, Map<string, TokensOfAttempt>>;

export interface TokensOfAttempt {
  readonly attempt: AttemptKey;
  /** The latest, in the order in which they were first heard of. */
  readonly ids: Set<string>;
}

/** What the log knows of step tokens; never one itself. */
export interface StepTokens {
  /** Those that calls were made or refused with, and those that are revoked. */
  readonly known: TokenIds;
  /** Attempts whose tokens are worth nothing, whichever they are given. */
  readonly revoked: Set<string>;
}

export function emptyStepTokens(): StepTokens {
  return { known: new Map(), revoked: new Set() };
}

/** `goesOn`: whether the attempt has not ended. Only then is there an end that makes it forgotten. */
export function applyStepTokens(
  tokens: StepTokens,
  recorded: Recorded,
  goesOn: (attempt: AttemptKey) => boolean,
): void {
  const { event } = recorded;
  switch (event.$case) {
    case "callIntended":
    case "callRefused":
    case "tokenRevoked": {
      const { attempt, token } = event.value;
      if (attempt === undefined || token === "" || !goesOn(attempt)) return;
      noteToken(tokens.known, attempt, token);
      if (event.$case === "tokenRevoked") tokens.revoked.add(attemptId(attempt));
      return;
    }
    default:
      for (const ended of forgetTokens(tokens.known, recorded)) tokens.revoked.delete(ended);
  }
}

export function noteToken(tokens: TokenIds, attempt: AttemptKey, id: string): void {
  const [step, key] = [stepId(attempt), attemptId(attempt)];
  const ofStep = tokens.get(step) ?? new Map<string, TokensOfAttempt>();
  const { ids } = ofStep.get(key) ?? { ids: new Set<string>() };
  if (ids.has(id)) return;
  ids.add(id);
  ofStep.set(key, { attempt, ids });
  tokens.set(step, ofStep);
  keepNewest(ids, custodyLimits.tokensPerAttemptMax);
}

/** Attempts that the event ends leave; gives which. A step that ends takes all that goes on of it along. */
export function forgetTokens(tokens: TokenIds, { event }: Recorded): readonly string[] {
  if (tokens.size === 0) return [];
  if (event.$case === "stepEnded") {
    const step = stepId(event.value);
    const ended = [...(tokens.get(step)?.keys() ?? [])];
    tokens.delete(step);
    return ended;
  }
  if (event.$case !== "attemptEnded" || event.value.attempt === undefined) return [];
  const [step, key] = [stepId(event.value.attempt), attemptId(event.value.attempt)];
  const ofStep = tokens.get(step);
  if (ofStep?.delete(key) !== true) return [];
  if (ofStep.size === 0) tokens.delete(step);
  return [key];
}

export function everyAttempt(tokens: TokenIds): readonly TokensOfAttempt[] {
  return [...tokens.values()].flatMap((ofStep) => [...ofStep.values()]);
}

/** Asked of every call: nothing is put together while nothing is revoked. */
export function isRevoked({ revoked }: StepTokens, attempt: AttemptKey): boolean {
  return revoked.size > 0 && revoked.has(attemptId(attempt));
}

/** What its node is told, of whichever token of the attempt. */
export function tokenRevoked(): Problem {
  return problem("TOKEN_REVOKED", "an operator revoked the step token", {
    hint: "The step goes on without; what it may do anew, its next attempt may.",
  });
}

function stepId({ run, step }: Pick<AttemptKey, "run" | "step">): string {
  return `${run}/${step}`;
}
