/** Limits of the console API's answers. Units last. */
export const consoleLimits = {
  /** Of a run's output, what is read for one reader at a time: one that stops reading holds no more. */
  logPageChunksMax: 256,
  logPageBytesMax: 128 * 1024,
} as const;
