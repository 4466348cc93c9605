/** Limits of what is kept of finished runs. Units last. */
export const historyLimits = {
  /** Outputs that are kept of one run; those beyond stand in the ledger alone. */
  outputBytesMax: 16 * 1024 * 1024,
  /** How often what is over is looked for, and how long to pause while there is some. */
  removalEveryMs: 60_000,
  removalPauseMs: 20,
  /** Runs, and chunks of what their steps wrote, that are removed in one transaction. */
  runsRemovedMax: 64,
  chunksRemovedMax: 256,
  listedDefault: 20,
  listedMax: 1000,
} as const;
