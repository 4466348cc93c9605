/** Limits of what is read to find a price. Units last. */
export const pricingLimits = {
  /** A line, or the data of one event, of a stream; longer ones make its usage unknown. */
  eventBytesMax: 1024 * 1024,
  /** An answer that is one JSON value; of a longer one the usage is unknown. */
  jsonAnswerBytesMax: 16 * 1024 * 1024,
  /** Tokens of a prompt that no byte of the request stands for: beginnings, ends, roles. */
  promptTokensExtra: 64,
  /** The same where there are tools: providers then add instructions of their own, 530 at most. */
  toolTokensExtra: 1_024,
  /** The longest token of the vocabularies in use, which is one of white space. */
  tokenBytesMax: 128,
  /** Images in one request. */
  imagesMax: 100,
} as const;
