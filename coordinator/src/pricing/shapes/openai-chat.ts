import {
  checkTools,
  clamp,
  type Fields,
  fieldsAt,
  isFields,
  type Limited,
  lengthOf,
  listAt,
  outputWithin,
  Parts,
  type Shape,
  type Terms,
  unpriced,
} from "./shape.ts";
import { withTier } from "./tier.ts";

/** POST /v1/chat/completions, of OpenAI and the many that speak as it does. */
export const openaiChat: Shape = {
  fields: new Set(
    "model messages max_tokens max_completion_tokens n stream stream_options service_tier temperature top_p top_k min_p stop seed presence_penalty frequency_penalty repetition_penalty logit_bias logprobs top_logprobs response_format tools tool_choice parallel_tool_calls functions function_call reasoning_effort verbosity user metadata store safety_identifier prompt_cache_key".split(
      " ",
    ),
  ),
  answersWithTokens: true,
  limit,
  usageOf({ usage, model, service_tier: tier }) {
    if (!isFields(usage)) return { model, tier };
    const { prompt_tokens: input, completion_tokens, total_tokens: total } = usage;
    const details = fieldsAt(usage, "prompt_tokens_details");
    return {
      input,
      cacheRead: details["cached_tokens"],
      cacheWrite: details["cache_write_tokens"],
      output: outputWithin(completion_tokens, total, input),
      model,
      tier,
    };
  },
  textLength: (message) =>
    listAt(message, "choices").reduce((sum, choice) => sum + choiceLength(choice), 0),
  /** The chunk with the usage is the last one, and has no choices. */
  isLast: ({ usage, choices }) => isFields(usage) && Array.isArray(choices) && choices.length === 0,
};

function limit(body: Fields, { outputTokensMax: allowed, provider }: Terms): Limited {
  const parts = new Parts();
  for (const message of messagesOf(body)) {
    if (message["audio"] !== undefined) throw unpriced("audio");
    parts.content(message["content"], (part) => judge(part, parts));
  }
  const hasTools = checkTools(
    body["tools"],
    ({ type }) => type === "function" || type === "custom",
  );
  const asked = body["max_completion_tokens"] ?? body["max_tokens"];
  const outputTokensMax = clamp(asked, allowed);
  const { max_tokens: _, max_completion_tokens: __, n: ___, ...rest } = body;
  const key =
    body["max_completion_tokens"] !== undefined || speaksOfCompletion.has(provider)
      ? "max_completion_tokens"
      : "max_tokens";
  const usage =
    body["stream"] === true
      ? { stream_options: { ...fieldsAt(body, "stream_options"), include_usage: true } }
      : {};
  const one = body["n"] === undefined ? {} : { n: 1 };
  return {
    body: withTier({ ...rest, [key]: outputTokensMax, ...one, ...usage }, provider),
    outputTokensMax,
    images: parts.images,
    imageBytes: parts.imageBytes,
    hasTools: hasTools || body["functions"] !== undefined,
  };
}

/** Where `max_tokens` is not taken by models that think; elsewhere it is what everyone knows. */
const speaksOfCompletion = new Set(["openai", "azure"]);

function messagesOf({ messages }: Fields): readonly Fields[] {
  if (!Array.isArray(messages) || !messages.every(isFields)) {
    throw unpriced("no list of messages");
  }
  return messages;
}

function judge(part: Fields, parts: Parts): void {
  if (part["type"] === "text" || part["type"] === "refusal") return;
  if (part["type"] !== "image_url") throw unpriced(`a part of type ${String(part["type"])}`);
  const image = part["image_url"];
  parts.image(isFields(image) ? image["url"] : image);
}

function choiceLength(choice: Fields): number {
  const said = isFields(choice["delta"]) ? choice["delta"] : fieldsAt(choice, "message");
  const calls = listAt(said, "tool_calls").map((it) => fieldsAt(it, "function")["arguments"]);
  return lengthOf(said["content"], said["reasoning_content"], said["reasoning"], ...calls);
}
