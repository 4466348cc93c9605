/** Limits of the log's disk. Units last. */
export const logLimits = {
  /** Kept from the disk, to be given back when that is full. */
  reserveBytes: 16 * 1024 * 1024,
  /** What must be free for a start without a reserve, which it then makes. */
  freeBytesMin: 32 * 1024 * 1024,
  /** How long a disk may take for one commit before it counts as broken. */
  commitMsMax: 30_000,
  /** Between a commit that failed and the end of the process: those who wait are told of it. */
  lastWordsMs: 500,
} as const;
