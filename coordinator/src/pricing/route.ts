import { anthropicMessages } from "./shapes/anthropic-messages.ts";
import { gemini } from "./shapes/gemini.ts";
import { openaiChat } from "./shapes/openai-chat.ts";
import { openaiEmbeddings } from "./shapes/openai-embeddings.ts";
import { openaiResponses } from "./shapes/openai-responses.ts";
import type { Shape } from "./shapes/shape.ts";

/** What a method and path of an LLM provider ask for. */
export type Route =
  /** `model`: as the path names it, null where the body does. */
  | { readonly kind: "priced"; readonly shape: Shape; readonly model: string | null }
  /** Lists of models, and counts of tokens, which no provider bills. */
  | { readonly kind: "free" }
  | { readonly kind: "unknown" };

/** By how the path ends, for what stands before is each provider's own. `path` may have a query. */
export function routeOf(method: string, path: string): Route {
  const plain = path.split("?")[0] as string;
  if (method === "GET" || method === "HEAD") {
    return /\/models(?:\/[^/]+){0,2}$/.test(plain) ? { kind: "free" } : { kind: "unknown" };
  }
  if (method !== "POST") return { kind: "unknown" };
  if (/\/messages\/count_tokens$|\/models\/[^/:]+:countTokens$/.test(plain)) {
    return { kind: "free" };
  }
  const generate = /\/models\/([^/:]+):(?:generateContent|streamGenerateContent)$/.exec(plain);
  if (generate !== null) return { kind: "priced", shape: gemini, model: generate[1] as string };
  const deployment = /\/deployments\/([^/]+)\//.exec(plain)?.[1] ?? null;
  for (const [end, shape] of ends) {
    if (plain.endsWith(end)) return { kind: "priced", shape, model: deployment };
  }
  return { kind: "unknown" };
}

const ends: readonly (readonly [string, Shape])[] = [
  ["/chat/completions", openaiChat],
  ["/responses", openaiResponses],
  ["/embeddings", openaiEmbeddings],
  ["/messages", anthropicMessages],
];
