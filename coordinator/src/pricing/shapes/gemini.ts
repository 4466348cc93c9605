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

/** POST .../models/NAME:generateContent and :streamGenerateContent. */
export const gemini: Shape = {
  fields: new Set([
    ...["contents", "systemInstruction", "generationConfig", "safetySettings"],
    ...["tools", "toolConfig", "labels"],
  ]),
  answersWithTokens: true,
  limit,
  usageOf({ usageMetadata: usage, modelVersion: model }) {
    if (!isFields(usage)) return { model };
    const { promptTokenCount: prompt, totalTokenCount: total } = usage;
    const input = sum(prompt, usage["toolUsePromptTokenCount"]);
    const output = sum(usage["candidatesTokenCount"] ?? 0, usage["thoughtsTokenCount"]);
    return {
      input,
      cacheRead: usage["cachedContentTokenCount"],
      output: outputWithin(output, total, input),
      model,
    };
  },
  textLength: (message) =>
    listAt(message, "candidates")
      .flatMap((it) => listAt(fieldsAt(it, "content"), "parts"))
      .reduce((length, part) => length + lengthOf(part["text"]), 0),
  // Each chunk has counts, those of the last one are final.
  isLast: () => false,
};

function sum(count: unknown, further: unknown): unknown {
  if (further === undefined || count === undefined) return count;
  return typeof count === "number" && typeof further === "number" ? count + further : Number.NaN;
}

/** Settings that change no price, beside those that are forced. */
const settings = new Set([
  ...["temperature", "topP", "topK", "stopSequences", "seed", "presencePenalty"],
  ...["frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema"],
  ...["responseLogprobs", "logprobs", "thinkingConfig", "mediaResolution"],
  ...["maxOutputTokens", "candidateCount"],
]);

function limit(body: Fields, { outputTokensMax: allowed }: Terms): Limited {
  const { contents } = body;
  if (!Array.isArray(contents) || !contents.every(isFields)) throw unpriced("no contents");
  const parts = new Parts();
  for (const content of [...contents, fieldsAt(body, "systemInstruction")]) {
    parts.content(content["parts"], (part) => judge(part, parts));
  }
  const config = fieldsAt(body, "generationConfig");
  const strange = Object.keys(config).find((key) => !settings.has(key));
  if (strange !== undefined) throw unpriced(`the setting ${strange}`);
  const own = (tool: Fields) => Object.keys(tool).every((key) => key === "functionDeclarations");
  const hasTools = checkTools(body["tools"], own);
  const outputTokensMax = clamp(config["maxOutputTokens"], allowed);
  const forced = { maxOutputTokens: outputTokensMax, candidateCount: 1 };
  return {
    body: { ...body, generationConfig: { ...config, ...forced } },
    outputTokensMax,
    images: parts.images,
    imageBytes: parts.imageBytes,
    hasTools,
  };
}

const partKeys = new Set([
  ...["text", "thought", "thoughtSignature", "functionCall", "functionResponse", "inlineData"],
]);

function judge(part: Fields, parts: Parts): void {
  const strange = Object.keys(part).find((key) => !partKeys.has(key));
  if (strange !== undefined) throw unpriced(`a part with ${strange}`);
  if (isFields(part["functionResponse"]) && part["functionResponse"]["parts"] !== undefined) {
    throw unpriced("data in the answer of a function");
  }
  const inline = part["inlineData"];
  if (inline === undefined) return;
  const { mimeType, data } = isFields(inline) ? inline : ({} as Fields);
  if (typeof mimeType !== "string" || !mimeType.startsWith("image/")) {
    throw unpriced("data that is no image");
  }
  parts.image(data);
}
