/** Limits of agents' versions and of their way to the nodes. Units last. */
export const rolloutLimits = {
  /** Versions that are kept at once; each has a binary an architecture. */
  versionsMax: 32,
  canaryMax: 100,
  failuresMax: 1_000,
  concurrentMax: 100,
  selectLengthMax: 1_024,
  /** How long a node that was told may take to be back, beside the time that the new version has. */
  updateMsMax: 15 * 60_000,
  /** How long after it was not heard the node is told again. */
  repeatMs: 5_000,
} as const;
