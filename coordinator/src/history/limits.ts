/** Limits of what is kept of finished runs. Units last. */
export const historyLimits = {
  /** Outputs that are kept of one run; those beyond stand in the ledger alone. */
  outputBytesMax: 16 * 1024 * 1024,
  listedDefault: 20,
  listedMax: 1000,
} as const;
