/** Every limit that two parties must agree on. Units last. */
export const limits = {
  /** A NATS message, header and payload; nats-server is configured to the same. */
  messageBytesMax: 1024 * 1024,
  /** Body of one proxied request or answer, which passes in pieces; and of an answer that is kept whole. */
  proxyBodyBytesMax: 64 * 1024 * 1024,
  proxyBodyBytesDefault: 16 * 1024 * 1024,
  proxyWholeBytesMax: 768 * 1024,
  /** What travels in one message, and what of one body may be under way at once. */
  proxyPieceBytesMax: 128 * 1024,
  proxyWindowBytes: 512 * 1024,
  /** How long a node may owe a call the next piece, or room for one. */
  proxyIdleMs: 30_000,
  /** How often the coordinator says something in each call, and after what silence it counts as gone. */
  proxySignMs: 10_000,
  proxySilenceMsMax: 35_000,
  /** Longest that one call may take, whatever its service's definition allows. */
  callMsMax: 60 * 60_000,
  /** An answer out of which something is to be taken, which is held as a whole for that. */
  redactedBytesMax: 4 * 1024 * 1024,
  /** How often, and how many at once, a service may be called at most. */
  rateCallsMax: 1_000_000,
  rateMsMax: 24 * 60 * 60_000,
  serviceConcurrencyMax: 10_000,
  proxyHeadersMax: 64,
  proxyHeaderBytesMax: 16 * 1024,
  proxyPathBytesMax: 8 * 1024,

  /** One event from the outside world, as JSON. */
  eventBytesMax: 256 * 1024,
  /** A run's inputs, as JSON: they travel with every dispatch. */
  inputsBytesMax: 256 * 1024,
  /** With the prefix that says whose key it is. */
  idempotencyKeyLengthMax: 256,
  /** Runs that one call may start. */
  startsMax: 256,
  /** One gRPC message to the console API. */
  consoleMessageBytesMax: 4 * 1024 * 1024,
  /** Problems of one answer, encoded: they travel as metadata, of which HTTP/2 takes 64 KiB. */
  problemsBytesMax: 32 * 1024,

  /** One YAML file, and what it may hold. */
  sourceBytesMax: 1024 * 1024,
  sourceDepthMax: 32,
  stepsMax: 10_000,
  instancesMax: 10_000,
  priorityMax: 9,
  /** Most of the nodes' time that a workflow may have, in shares. */
  shareMax: 100,
  /** Cores that a step may ask for. */
  cpuCoresMax: 1024,
  /** Devices that a node may say it has. */
  devicesMax: 64,
  deviceLengthMax: 80,
  /** Models that a node may say it has, and the name of one. */
  modelsMax: 32,
  modelLengthMax: 128,
  /** Lines of a GPIO chip that one grant may name, and the number of the last that a chip may have. */
  gpioLinesMax: 64,
  gpioLineMax: 1023,
  retriesMax: 100,
  /** Factor by which the delay between attempts may grow. */
  backoffMax: 10,
  /** Services that one step may be granted: its token names them all. */
  grantsMax: 64,
  expressionBytesMax: 4096,
  /** Operations of one evaluation; about a tenth of a second on a slow machine. */
  expressionCostMax: 1_000_000,
  cronLengthMax: 100,
  groupLengthMax: 256,
  triggerKeyLengthMax: 256,
  debounceMsMax: 86_400_000,
  webhooksMax: 100,
  webhookPathLengthMax: 128,
  webhookIdLengthMax: 128,
  /** How far the time of a signed request may lie from ours. */
  webhookToleranceMs: 300_000,
  /** Nesting of an event's payload. */
  payloadDepthMax: 64,
  /** Sub-workflows within one another, below the run that was started first. */
  workflowDepthMax: 8,
  /** What the outputs of a run give, as JSON. */
  runOutputsBytesMax: 128 * 1024,
  groupPlacesMax: 1000,
  schedulesMax: 100,
  scriptBytesMax: 128 * 1024,
  /** An agent's system message, in characters; how often it may ask its model; tokens of an answer. */
  agentInstructionsLengthMax: 32 * 1024,
  agentTurnsMax: 64,
  agentOutputTokensMax: 32 * 1024,
  agentToolsMax: 32,
  /** Most tokens that a service may let a model answer with, or count an image for. */
  llmOutputTokensMax: 1_000_000,
  /** Authorities that a service's certificate may be signed by, in PEM form. */
  certificatesBytesMax: 64 * 1024,

  /** A message to a broker: its topic and its payload, in UTF-8. */
  topicBytesMax: 512,
  topicLevelsMax: 32,
  publicationBytesMax: 64 * 1024,
  /** Why a broker refused one, in characters. */
  refusalLengthMax: 500,
  /** Channels that one `approve` step tells of what it asks. */
  notifyMax: 8,

  /** What an `approve` step asks, in characters, and what the one who decides may say. */
  promptLengthMax: 2000,
  commentLengthMax: 1000,

  stepOutputBytesMax: 128 * 1024,
  cacheTtlMsMax: 30 * 24 * 60 * 60_000,
  cacheKeyLengthMax: 1024,
  /** Fields of an output whose types a step declares. */
  outputTypesMax: 256,
  /** A path below a step's /work. */
  workspacePathLengthMax: 255,
  /** One artifact; what a step declares of them; how many files it may be given. */
  artifactBytesMax: 128 * 1024 * 1024,
  artifactsDeclaredMax: 64,
  artifactFilesMax: 1_024,
  /** Of an artifact, what travels in one message. */
  artifactPieceBytesMax: 128 * 1024,
  logChunkBytesMax: 16 * 1024,
  /** Attempts in one dispatch message, and their bytes; a longer attempt goes alone. */
  dispatchBatchMax: 256,
  dispatchBatchBytesMax: 512 * 1024,
  eventBatchMax: 256,
  eventBatchBytesMax: 512 * 1024,

  /** Why an operator did something, in characters. */
  reasonLengthMax: 200,
  nameLengthMax: 63,
  eventIdLengthMax: 128,
  secretBytesMax: 64 * 1024,
  secretPathLengthMax: 128,

  /** One version of the agent; it must fit a message to the console, too. */
  releaseBytesMax: 3 * 1024 * 1024,
  /** Of a release, what travels in one message. */
  releasePieceBytesMax: 128 * 1024,
  /** Release keys that followed one another. */
  releaseKeysMax: 16,
  /** What the new version of an agent may be given to be greeted. */
  updateConfirmMsMin: 5_000,
  updateConfirmMsMax: 60 * 60_000,

  joinTokenLifetimeMs: 15 * 60_000,
  stepTokenLifetimeMs: 5 * 60_000,
  stepTokenRenewBeforeMs: 60_000,
  /** How far a request proof's time may lie from the coordinator's clock. */
  proofSkewMsMax: 60_000,

  /** How long a node's former keys are good after it has used the new ones: twice a step token. */
  keyOverlapMs: 10 * 60_000,

  heartbeatMs: 4_000,
  /** Silence after which a node counts as disconnected: three heartbeats and a jitter. */
  nodeSilenceMsMax: 14_000,
  dispatchAnswerMs: 5_000,
} as const;

/** What a schedule is given when it declares nothing. */
export const scheduleDefaults = {
  /** An update of the coordinator is bridged; what an outage kept from its time is not done late. */
  catchupMs: 5 * 60_000,
} as const;

/** What a step may use when it declares nothing. */
export const stepLimitDefaults = {
  memoryBytes: 64 * 1024 * 1024,
  pids: 64,
  diskBytes: 16 * 1024 * 1024,
  outputBytes: limits.stepOutputBytesMax,
  cpuMs: 0,
  openFiles: 256,
  timeoutMs: 10 * 60_000,
} as const;

/** How long an `approve` step waits when it declares nothing. */
export const approvalTimeoutDefaultMs = 24 * 60 * 60_000;
