import { limits } from "@cohort/proto/limits";

/** Limits of the proxy; those that nodes must know too are in proto. Units last. */
export const proxyLimits = {
  /** Calls that are out at once, of all nodes and of one; each holds a window of either body at most. */
  callsMax: 128,
  callsPerNodeMax: 32,
  /** Of bodies that are priced or signed as a whole: in memory at a time, of all nodes and of one. */
  heldBytesMax: 256 * 1024 * 1024,
  heldBytesPerNodeMax: limits.proxyBodyBytesMax,
  /** Calls of the coordinator's own that are out at once, and that wait for a place. */
  ownCallsMax: 64,
  ownCallsWaitingMax: 10_000,
  /** A call waits so long for its turn at a service with a rate or a concurrency of its own. */
  turnMsMax: 5_000,
  turnsWaitingMax: 1_000,
  /** Buckets of rates at which those that are full again are given up. */
  ratesSweptAt: 10_000,
  /** A secret that is sent in a header. */
  credentialBytesMax: limits.proxyHeaderBytesMax / 2,
  /** Access tokens that are kept; the oldest is given up first. */
  accessTokensMax: 256,
  /** A request to a token server and its answer. */
  accessTokenBytesMax: 32 * 1024,
  accessTokenRequestMs: 10_000,
  /** A token is not used in the last part of its life: a tenth of it, this at most. */
  accessTokenMarginMs: 30_000,
  /** Life of a token whose server does not say it. */
  accessTokenDefaultMs: 5 * 60_000,
  /** Forms shorter than this are not looked for in answers: they would be found everywhere. */
  scrubFormBytesMin: 6,
  /** Layers of escapes within escapes that are looked at. */
  scrubDepthMax: 3,
  /** What a refused request said of itself, as recorded. */
  recordedTextLengthMax: 512,

  /** Answers of one DNS look-up; more is no honest name. */
  addressesMax: 64,
  /** How long the answer of a look-up stands, and a failure; the oldest of more hosts is forgotten. */
  lookupMs: 1_000,
  lookupFailureMs: 5_000,
  lookupsMax: 256,
  /** This machine's own addresses are asked for so often at most. */
  ownAddressesMs: 1_000,
  /** Addresses of one host that are dialled in turn before the call is given up. */
  addressesDialledMax: 4,
  connectMs: 5_000,
  /** Silence within an answer that has begun; a model that thinks may say nothing for minutes. */
  answerIdleMs: 5 * 60_000,
  /** Connections to one address with one credential. */
  connectionsPerPoolMax: 32,
  /** Pools of connections; the least recently used is closed first. */
  poolsMax: 64,
  idleConnectionMs: 4_000,
} as const;

if (proxyLimits.callsPerNodeMax > proxyLimits.callsMax) {
  throw new Error("callsPerNodeMax must not exceed callsMax");
}
