export const vaultLimits = {
  /** Live versions of secrets: the whole list of them is hashed with each change. */
  secretsMax: 10_000,
  /** Ended versions that are listed of one secret. */
  retiredListedMax: 20,
  /** How long a version may stay good beside the one that follows it. */
  overlapMsMax: 90 * 24 * 60 * 60_000,
  /** Encryptions after which a data key is replaced. */
  dataKeyUsesMax: 100_000,
  /** Rows that are sealed under the new data key in one transaction, and the pause after it. */
  resealRowsMax: 32,
  resealPauseMs: 20,
  /** How often it is seen to what time ends: versions, data keys, token keys. */
  tickMs: 15_000,
} as const;
