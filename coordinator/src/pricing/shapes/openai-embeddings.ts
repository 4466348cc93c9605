import { type Fields, isFields, type Limited, type Shape, unpriced } from "./shape.ts";

/** POST /v1/embeddings: tokens go in, and none come out. */
export const openaiEmbeddings: Shape = {
  fields: new Set(["model", "input", "dimensions", "encoding_format", "user", "input_type"]),
  answersWithTokens: false,
  limit,
  usageOf({ usage, model }) {
    if (!isFields(usage)) return { model };
    return { input: usage["prompt_tokens"] ?? usage["total_tokens"], output: 0, model };
  },
  textLength: () => 0,
  isLast: () => false,
};

function limit(body: Fields): Limited {
  const { input } = body;
  // Numbers are tokens: each is more than one byte with its comma.
  const each = Array.isArray(input) ? input.flat() : [input];
  if (!each.every((it) => typeof it === "string" || typeof it === "number")) {
    throw unpriced("an input that is no text");
  }
  return { body, outputTokensMax: 0, images: 0, imageBytes: 0, hasTools: false };
}
