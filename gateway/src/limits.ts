import { strict as assert } from "node:assert";
import { limits as shared } from "@cohort/proto/limits";

/** Every limit of the gateway. Units last. */
export const limits = {
  /** Events that wait for the coordinator; the oldest is dropped for the newest. */
  queueEventsMax: 10_000,
  queueBytesMax: 64 * 1024 * 1024,
  /** Of one trigger, with a rest to come. */
  debounceKeysMax: 10_000,
  /** Submissions under way at once; one after the other would wait for one commit each. */
  submissionsInFlightMax: 16,
  submitTimeoutMs: 10_000,
  /** How long a stopping gateway goes on submitting what it has accepted. */
  drainMs: 2_000,

  /** Messages to publish, or published, that the coordinator may offer again. */
  publicationsKnownMax: 1_000,

  /** Jittered back-off towards the coordinator and towards a broker. */
  retryFirstMs: 250,
  retryMsMax: 15_000,

  /** gRPC keepalive: a peer that is gone without a word is noticed within their sum. */
  keepaliveMs: 20_000,
  keepaliveTimeoutMs: 10_000,
  callTimeoutMs: 30_000,

  contextBytesMax: 64 * 1024,

  /** What a joined broker may send at once; MQTT 5 brokers are told. */
  mqttPacketBytesMax: shared.messageBytesMax,
  mqttReceiveMax: 100,
  mqttSessionExpirySeconds: 24 * 3600,
  mqttKeepaliveSeconds: 30,

  /** The embedded broker. */
  brokerConnectionsMax: 512,
  brokerConnectMs: 10_000,
  brokerPacketBytesMax: shared.eventBytesMax + 64 * 1024,
  brokerRetainedMessagesMax: 1_000,
  brokerRetainedBytesMax: 16 * 1024 * 1024,
  brokerSubscriptionsMax: 64,
  brokerInflightMax: 100,
  brokerTopicLevelsMax: 32,
  brokerClientIdLengthMax: 128,
  /** Password checks under way at once: scrypt takes 16 MiB and a core for each. */
  brokerPasswordChecksMax: 4,
  brokerUsersMax: 10_000,
  brokerUsersFileBytesMax: 4 * 1024 * 1024,

  /** The listener for webhooks. */
  webhookConnectionsMax: 256,
  webhooksUnderWayMax: 64,
  webhookHeaderBytesMax: 16 * 1024,
  webhookHeadMs: 10_000,
  webhookRequestMs: 20_000,
  webhookCheckMs: 2_000,

  /** One log line a cause in this time; what is not written is counted. */
  logRepeatMs: 10_000,
  /** Causes that are counted apart; beyond, all share one line. */
  logCausesMax: 1_000,
} as const;

// What a broker delivers must be able to be an event, and one event to lie in the queue.
assert(limits.mqttPacketBytesMax > shared.eventBytesMax);
assert(limits.brokerPacketBytesMax > shared.eventBytesMax);
assert(limits.queueBytesMax > limits.submissionsInFlightMax * shared.eventBytesMax);
// A stopping gateway must not wait for one submission longer than for all.
assert(limits.retryFirstMs < limits.drainMs && limits.retryFirstMs < limits.retryMsMax);
