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
  /** How often payloads of the ledger that are over are looked for: each time all entries of a while are read. */
  payloadsEveryMs: 6 * 60 * 60_000,
  /** Between pages of entries that are read for that, and before the file is purged again where that failed. */
  payloadPauseMs: 5,
  purgePauseMs: 60_000,
  /** Runs of one such pass; entries, and text of theirs, of one commit. */
  runsDroppedMax: 10_000,
  payloadsDroppedMax: 256,
  payloadBytesDroppedMax: 4 * 1024 * 1024,
  listedDefault: 20,
  listedMax: 1000,
} as const;
