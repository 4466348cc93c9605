import {
  checkTools,
  clamp,
  type Fields,
  fieldsAt,
  isFields,
  type Limited,
  lengthOf,
  outputWithin,
  Parts,
  type Shape,
  type Terms,
  unpriced,
} from "./shape.ts";
import { withTier } from "./tier.ts";

/** POST /v1/responses. What the provider would add from its store has no price here. */
export const openaiResponses: Shape = {
  fields: new Set(
    "model input instructions max_output_tokens stream stream_options service_tier temperature top_p top_logprobs text reasoning truncation include tools tool_choice parallel_tool_calls max_tool_calls metadata store user safety_identifier prompt_cache_key".split(
      " ",
    ),
  ),
  answersWithTokens: true,
  limit,
  usageOf(message) {
    const answer = isFields(message["response"]) ? message["response"] : message;
    const { usage, model, service_tier: tier } = answer;
    // While a response is under way the tier is the one that was asked for, "auto" also.
    const done = typeof message["type"] !== "string" || isEnd(message);
    if (!isFields(usage) || !done) return { model };
    const { input_tokens: input, output_tokens: output, total_tokens: total } = usage;
    const details = fieldsAt(usage, "input_tokens_details");
    return {
      input,
      cacheRead: details["cached_tokens"],
      cacheWrite: details["cache_write_tokens"],
      output: outputWithin(output, total, input),
      model,
      tier,
    };
  },
  textLength: ({ type, delta }) =>
    typeof type === "string" && type.endsWith(".delta") ? lengthOf(delta) : 0,
  isLast: isEnd,
};

function isEnd({ type }: Fields): boolean {
  return ["response.completed", "response.incomplete", "response.failed"].includes(String(type));
}

function limit(body: Fields, { outputTokensMax: allowed, provider }: Terms): Limited {
  const parts = new Parts();
  const input = body["input"];
  if (typeof input !== "string") {
    if (!Array.isArray(input) || !input.every(isFields)) throw unpriced("no input");
    for (const item of input) judgeItem(item, parts);
  }
  const hasTools = checkTools(
    body["tools"],
    ({ type }) => type === "function" || type === "custom",
  );
  const outputTokensMax = clamp(body["max_output_tokens"], allowed);
  return {
    body: withTier({ ...body, max_output_tokens: outputTokensMax }, provider),
    outputTokensMax,
    images: parts.images,
    imageBytes: parts.imageBytes,
    hasTools,
  };
}

/** Items whose text is all there; those that only name something of the provider's are not. */
const items = new Set([
  "function_call",
  "function_call_output",
  "custom_tool_call",
  "custom_tool_call_output",
  "reasoning",
]);

function judgeItem(item: Fields, parts: Parts): void {
  const { type = "message", content, output } = item;
  if (type !== "message" && !items.has(String(type))) throw unpriced(`an item ${String(type)}`);
  for (const it of [content, output]) parts.content(it, (part) => judgePart(part, parts));
}

const texts = new Set(["input_text", "output_text", "text", "refusal", "reasoning_text"]);

function judgePart(part: Fields, parts: Parts): void {
  const type = String(part["type"]);
  if (type === "input_image") parts.image(part["image_url"]);
  else if (!texts.has(type)) throw unpriced(`a part of type ${type}`);
}
