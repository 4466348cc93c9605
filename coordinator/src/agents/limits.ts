import { limits } from "@cohort/proto/limits";

/** What bounds the loop of an agent on its board. Lengths are in characters. */
export const agentLimits = {
  /** A request to the model with all that was said before; in UTF-8 it may be up to three times that. */
  requestLengthMax: Math.floor(limits.proxyWholeBytesMax / 3),
  answerLengthMax: 128 * 1024,
  /** Of what a tool's call gave, this is shown to the model. */
  toolAnswerLengthMax: 16 * 1024,
  /** Calls that the model may ask for in one turn. */
  toolCallsMax: 16,
  excerptLengthMax: 300,
  /** Before the one repetition of a request, where the service says no other time. */
  retryMs: 1_000,
  retryMsMax: 30_000,
} as const;
