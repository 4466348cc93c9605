/** Limits of the coordinator's side of the bus. Units last. */
export const meshLimits = {
  connectMsMax: 10_000,
  reconnectWaitMs: 250,
  reconnectJitterMs: 250,
  pingIntervalMs: 10_000,
  pingsUnansweredMax: 2,
  /** How long `close` waits for requests that are being answered. */
  closeWaitMs: 5_000,

  /**
   * A node's credential; long, so that a board that lay in a drawer for a month comes back by
   * itself.
   */
  nodeCredentialLifetimeMs: 60 * 24 * 60 * 60_000,
  /** How long nats-server is given to take the account's JWT, and until it is tried again. */
  accessAnswerMsMax: 5_000,
  accessRetryMs: 1_000,
  /**
   * How long a token that has expired may still sign in to ask: so that the board is told by the
   * coordinator what is wrong, whatever its own clock says. It joins with it no more.
   */
  inviteAnswerMs: 45 * 60_000,
  /** A node has its commands and its inbox to listen to; the rest is room for reconnecting. */
  nodeSubscriptionsMax: 16,

  /** What one hostile node can have written into the coordinator's own log. */
  complaintsPerMinuteMax: 1,

  presenceCheckMs: 1_000,
  /** How often a node is asked whose heartbeats come from another process than was greeted. */
  greetEveryMs: 1_000,

  /** nats-server. */
  natsPingIntervalS: 20,
  natsPingsUnansweredMax: 2,
  natsTlsHandshakeSMax: 30,
  natsAuthenticationSMax: 35,
  natsWriteSMax: 10,
  natsConnectionsMax: 32_768,
  /** What nats-server holds for a reader that falls behind before it cuts the connection. */
  natsPendingBytesMax: 256 * 1024 * 1024,
  natsMemoryStoreBytesMax: 64 * 1024 * 1024,
  natsFileStoreBytesMax: 8 * 1024 * 1024 * 1024,

  /**
   * What a node may tell of its attempts, on average and at once; its acknowledgements wait until it
   * has kept to that. Four steps at their own fastest, and a journal that is full.
   */
  eventBytesPerSecondMax: 1024 * 1024,
  eventBurstBytesMax: 4 * 1024 * 1024,
  /** What an event counts at least; and what is written to a device, which is an entry each. */
  eventCostBytesMin: 1024,
  actuationCostBytes: 4 * 1024,

  factLengthMax: 128,
  slotsMax: 256,
  inventoryMax: 1_024,
  attemptMax: 1_000_000,
  codeLengthMax: 64,
  messageLengthMax: 4_096,
  /** A checkpoint with its signatures: a few hundred characters. */
  noteLengthMax: 4_096,
  problemsMax: 16,
} as const;

/** What one sender may ask at once, and on average; more is refused with LIMIT_EXCEEDED. */
export interface RequestBound {
  readonly inFlightMax: number;
  readonly perMinuteMax: number;
}

export const requestBounds = {
  enrol: { inFlightMax: 4, perMinuteMax: 30 },
  session: { inFlightMax: 1, perMinuteMax: 30 },
  hello: { inFlightMax: 1, perMinuteMax: 30 },
  rotate: { inFlightMax: 1, perMinuteMax: 30 },
  facts: { inFlightMax: 1, perMinuteMax: 6 },
  witness: { inFlightMax: 1, perMinuteMax: 6 },
  events: { inFlightMax: 4, perMinuteMax: 6_000 },
  renew: { inFlightMax: 32, perMinuteMax: 1_200 },
  proxy: { inFlightMax: 64, perMinuteMax: 6_000 },
  /** Pieces of bodies, and words of what was taken: of 64 KiB and more each, but for the last of a call. */
  call: { inFlightMax: 1, perMinuteMax: 120_000 },
  put: { inFlightMax: 8, perMinuteMax: 12_000 },
  release: { inFlightMax: 2, perMinuteMax: 600 },
  get: { inFlightMax: 8, perMinuteMax: 12_000 },
} as const satisfies Record<string, RequestBound>;

export type RequestVerb = keyof typeof requestBounds;
