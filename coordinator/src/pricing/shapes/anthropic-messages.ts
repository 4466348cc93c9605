import {
  checkTools,
  clamp,
  type Fields,
  fieldsAt,
  isFields,
  type Limited,
  lengthOf,
  listAt,
  Parts,
  type Reported,
  type Shape,
  type Terms,
  unpriced,
} from "./shape.ts";
import { withTier } from "./tier.ts";

/** POST /v1/messages. */
export const anthropicMessages: Shape = {
  fields: new Set(
    "model messages system max_tokens stream stop_sequences temperature top_k top_p metadata tools tool_choice thinking service_tier output_config output_format".split(
      " ",
    ),
  ),
  answersWithTokens: true,
  limit,
  usageOf,
  textLength(message) {
    const { text, thinking, partial_json: json } = fieldsAt(message, "delta");
    const whole = listAt(message, "content").flatMap((it) => [it["text"], it["thinking"]]);
    return lengthOf(text, thinking, json, ...whole);
  },
  isLast: ({ type }) => type === "message_stop",
};

/** Of a stream, `message_start` has the input; the counts of each `message_delta` are totals. */
function usageOf(message: Fields): Reported {
  const begun = isFields(message["message"]) ? message["message"] : message;
  const usage = isFields(begun["usage"]) ? begun["usage"] : fieldsAt(message, "usage");
  const { input_tokens: uncached, output_tokens: output, service_tier: tier } = usage;
  const cacheRead = usage["cache_read_input_tokens"] ?? undefined;
  const cacheWrite = usage["cache_creation_input_tokens"] ?? undefined;
  const input = sum(uncached, cacheRead, cacheWrite);
  return { input, cacheRead, cacheWrite, output, model: begun["model"], tier };
}

/** Here the count of the input leaves cached tokens out. */
function sum(uncached: unknown, ...cached: readonly unknown[]): unknown {
  if (uncached === undefined) return undefined;
  const all = [uncached, ...cached.filter((it) => it !== undefined)];
  const isCount = (it: unknown): it is number => Number.isSafeInteger(it) && (it as number) >= 0;
  return all.every(isCount) ? all.reduce((a, b) => a + b, 0) : Number.NaN;
}

function limit(body: Fields, { outputTokensMax: allowed, provider }: Terms): Limited {
  const { messages, system } = body;
  if (!Array.isArray(messages) || !messages.every(isFields)) throw unpriced("no messages");
  const parts = new Parts();
  for (const { content } of messages) parts.content(content, (part) => judge(part, parts));
  parts.content(system, (part) => judge(part, parts));
  const own = ({ type }: Fields) => type === undefined || type === "custom";
  const hasTools = checkTools(body["tools"], own);
  const outputTokensMax = clamp(body["max_tokens"], allowed);
  return {
    body: withTier({ ...body, max_tokens: outputTokensMax }, provider),
    outputTokensMax,
    images: parts.images,
    imageBytes: parts.imageBytes,
    hasTools,
  };
}

const texts = new Set(["text", "thinking", "redacted_thinking", "tool_use"]);

function judge(part: Fields, parts: Parts): void {
  const type = String(part["type"]);
  if (type === "tool_result") {
    parts.content(part["content"], (inner) => judge(inner, parts));
  } else if (type === "image") {
    parts.image(fieldsAt(part, "source")["data"]);
  } else if (!texts.has(type)) {
    throw unpriced(`a part of type ${type}`);
  }
}
