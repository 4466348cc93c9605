import { limits } from "@cohort/proto/limits";

export const custodyLimits = {
  /** Wrong keys that may be tried within the time; who comes later waits. */
  unsealFailuresMax: 5,
  unsealFailuresMs: 60_000,
  /** A step token's life, and how far two clocks may lie apart. */
  tokenKeyOverlapMs: limits.stepTokenLifetimeMs + limits.proofSkewMsMax,
  /** The key of step tokens is replaced when it is older. */
  tokenKeyAgeMsMax: 30 * 24 * 60 * 60_000,
  /** Ids that are remembered of an attempt's tokens, the latest: those of hours, as nodes renew them. */
  tokensPerAttemptMax: 64,
  /** Tokens that one list shows. */
  tokensShownMax: 1_000,
} as const;
