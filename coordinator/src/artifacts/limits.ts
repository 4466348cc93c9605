/** Limits of artifacts beside those of one, which nodes must know too. Units last. */
export const artifactLimits = {
  /** Artifacts of one run together. */
  runBytesMax: 2 * 1024 * 1024 * 1024,
  /** All artifacts; nats-server's store must hold them, and what is on its way in. */
  totalBytesMax: 6 * 1024 * 1024 * 1024,
  /** Files on their way in, and those that were read lately. */
  spoolBytesMax: 1024 * 1024 * 1024,
  /** After which an upload that no longer comes is given up. */
  uploadIdleMs: 10 * 60_000,
  /** Content that nothing refers to any more is removed this long after. */
  sweepDelayMs: 30_000,
  /** Of an artifact, what one message to an operator holds. */
  consolePieceBytesMax: 256 * 1024,
} as const;
