export const schedulerLimits = {
  /** Attempts that a node, or the coordinator, may lose before the step counts as failed. */
  interruptionsMax: 10,
  interruptionDelayMs: 250,
  /** To this at most the delay between attempts grows where the step names no `max_delay`. */
  retryDelayMsMax: 24 * 60 * 60_000,
  /** So long must a step have waited longer to go before one whose priority is higher by one. */
  priorityStepMs: 60_000,
  /** An attempt counts for its workflow's share as if it took its slot for this at least. */
  attemptCostMs: 1_000,
  /** A workflow that waits for a node has its turn there after this, whatever its share. */
  turnMsMax: 60_000,
  /** What waits so long for memory or cores has a node kept free for it. */
  overtakenMsMax: 60_000,
  /** Memory of a node that is given to no step. */
  nodeReserveBytes: 32 * 1024 * 1024,
  /** A disconnected node keeps its attempt so long where the step says no other time. */
  lostAfterMs: 60_000,
  /** Variables of all instances of a step, as JSON: they stand in one event. */
  fanOutBytesMax: 256 * 1024,
  /** Runs that may wait for a concurrency group. */
  groupQueueMax: 1_000,
  /** Outputs that one entry takes over from a retried run; a step with more is taken in several. */
  takenBytesMax: 512 * 1024,
  /** An unanswered dispatch is sent again, the same attempt, after this. */
  dispatchRepeatMs: 1_000,
  /** That a node has taken an attempt is recorded after this, unless more is heard of it before. */
  acceptanceHeldMs: 500,
  /** Messages that one gateway has been given and has not acknowledged. */
  publicationsInFlightMax: 100,
  /** Successes that may stand for later ones, and their outputs with their keys. */
  cacheEntriesMax: 10_000,
  cacheBytesMax: 32 * 1024 * 1024,
  tickMs: 100,
  /** Output that is kept of an attempt, and in how many pieces: a node gathers before it sends. */
  stepLogBytesMax: 16 * 1024 * 1024,
  stepLogChunksMax: 65_536,
  /** Attempts of which it is remembered how far their output has come; of others, the disk knows. */
  outputsRememberedMax: 4_096,
  /**
   * Parts of ended runs that stay in memory: steps, instances, and texts of so many characters. What
   * is recalled or reported late finds its run without asking the disk, as a rule.
   */
  endedPartsMax: 4_096,
  endedPartLength: 512,
} as const;
