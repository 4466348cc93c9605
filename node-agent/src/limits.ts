/** Every limit that is the agent's own. Those shared with the coordinator are in @cohort/proto. */
export const agentLimits = {
  /** TCP, TLS and the NATS greeting together. */
  connectMsMax: 10_000,
  /** The first wait before connecting again; it doubles up to the other, with full jitter. */
  reconnectDelayMsMin: 3_000,
  reconnectDelayMsMax: 30_000,
  pingIntervalMs: 10_000,
  requestMsMax: 10_000,
  /** What an acknowledgement of events is waited for, from a quick coordinator and over a slow line. */
  ackMsMin: 2_000,
  ackMsMax: 60_000,
  retryDelayMsMin: 250,
  retryDelayMsMax: 15_000,
  /** Far more than any; what follows is not read. */
  /** What a step is told to wait before it asks for a call again that could not be made now. */
  retryAfterSeconds: 5,
  joinTokenBytesMax: 16 * 1024,
  /** A server's challenge is 11 to 22 characters; whatever is longer is no challenge. */
  nonceLengthMax: 64,

  /** What an event that waits takes in memory beside its bytes. */
  eventOverheadBytes: 512,
  /** What the journal keeps of logs, with their overhead; the oldest go first. */
  journalLogBytesMax: 512 * 1024,
  /** Results that wait for the coordinator; beyond it no new work is taken. */
  journalResultBytesMax: 2 * 1024 * 1024,
  /** The file is rewritten when it holds this much more than what still counts. */
  journalSlackBytesMax: 512 * 1024,
  journalRecordBytesMax: 1024 * 1024,
  /** Attempts that ended and are remembered, so that a late duplicate does not run again. */
  attemptsRememberedMax: 512,
  /** Skipped at every start: more events than could have been sent and not synced. */
  sequenceSkip: 1_000_000,

  /** What one who asks for the status is waited for, and waits. */
  statusMsMax: 2_000,
  statusLengthMax: 64 * 1024,
  /** How often a service manager is told of the status, at most. */
  statusTellMs: 5_000,

  /** What must be free below the data folder: the journal at its largest, being rewritten. */
  diskFreeBytesMin: 8 * 1024 * 1024,
  /** No machine with this agent is older: 2025-01-01. */
  clockMsMin: 1_735_689_600_000,
  clockSkewMsMax: 5 * 60_000,

  /** When the ledger is asked for its newest checkpoint: first after a start, and from then on. */
  witnessFirstMsMax: 5_000,
  witnessEveryMs: 10 * 60_000,
  disputesKeptMax: 8,

  /** How often the machine is looked at anew. */
  factsCheckMs: 60_000,
  /** What moves by itself is told at most so often, and where it moved by so much. */
  readingsToldMsMin: 5 * 60_000,
  temperatureStepCelsius: 5,
  /** Of the disk's size. */
  diskStepShare: 1 / 16,

  /** Of the disk, what an update leaves free; how often it looks whether the last step has ended. */
  updateReserveBytes: 4 * 1024 * 1024,
  updateIdleCheckMs: 250,

  /** Taken by itself; a large machine is told of more with --slots. */
  slotsDefaultMax: 16,
  slotsMax: 256,
  /** One slot a share of half the machine's memory. */
  slotMemoryBytes: 64 * 1024 * 1024,
  /** The longest that timers count everywhere: 2^31 - 1. */
  stepTimeoutMsMax: 2_147_483_647,
  /** Of a script's memory limit, what its JavaScript may hold. */
  scriptMemoryShare: 0.75,
  /** From SIGTERM to SIGKILL. */
  terminateGraceMs: 5_000,
  /** From the kill of all processes of a step to that of its sandbox, which then tells no usage. */
  killGraceMs: 2_000,
  /** What the agent waits at its own end for steps to be gone and results to be sent. */
  shutdownMsMax: 3_000,
  messageLengthMax: 500,
  /** How fast a step may write, after a first burst; beyond it, it waits. */
  stepLogBytesPerSecondMax: 256 * 1024,
  stepLogBurstBytesMax: 1024 * 1024,
  stepLogChunkCostBytesMin: 1024,
  /** How long small pieces of output are gathered. */
  stepLogGatherMs: 100,

  shimConnectionsMax: 16,
  /**
   * Requests of one step that are being read, called or answered; and calls of all steps. Each
   * holds at most a window of its body and of its answer, so that hostile steps cannot fill the agent's 64 MiB.
   */
  shimRequestsMax: 3,
  shimCallsMax: 16,
  /** How long small parts of a request's body are gathered. */
  shimGatherMs: 100,
  shimHeadBytesMax: 32 * 1024,
  shimPort: 7070,
  tokenRenewRetryMs: 5_000,
  /** What one operation on a device may write or read: a page, as in host/device_work.h. */
  deviceBytesMax: 4096,
  deviceRequestBytesMax: 16 * 1024,
  /** The longest that a serial port is waited for. */
  deviceWaitMsMax: 10_000,
  /** Operations of all attempts that may wait for a bus at once; host/runtime.c has a thread for it. */
  deviceWorkMax: 1,
  /** How fast one attempt may go on; beyond it, it waits. What it writes is journalled each time. */
  deviceOperationsPerSecondMax: 100,
  deviceActuationsPerSecondMax: 20,
  /** How long between two looks at a serial port, at first and later. */
  serialPauseMsMin: 1,
  serialPauseMsMax: 32,
  spiSpeedHzMax: 50_000_000,
  pwmChannelMax: 63,
  pwmPeriodNsMax: 4_000_000_000,
  iioAttributesMax: 1024,
  /** A whole artifact is written to the store before its last piece is answered. */
  artifactAnswerMsMax: 30_000,
} as const;
