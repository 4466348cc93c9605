export const schedulerLimits = {
  /** Attempts that a node, or the coordinator, may lose before the step counts as failed. */
  interruptionsMax: 10,
  interruptionDelayMs: 250,
  /** An unanswered dispatch is sent again, the same attempt, after this. */
  dispatchRepeatMs: 1_000,
  tickMs: 100,
} as const;
