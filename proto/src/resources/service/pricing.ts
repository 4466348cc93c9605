import * as z from "zod";
import { limits } from "../../limits.ts";
import { money } from "../values.ts";

const modelName = z.string().min(1).max(200);

/** Prices of one model, each for a million tokens. */
const modelPrices = z.strictObject({
  input: money.describe("What a million tokens of the request cost."),
  output: money.describe("What a million tokens of the answer cost."),
  cache_read: money
    .optional()
    .describe("The same of tokens that the provider had cached; left out, as `input`."),
  cache_write: money
    .optional()
    .describe("The same of tokens that the provider caches; left out, as `input`."),
});

const llm = z
  .strictObject({
    provider: z
      .string()
      .regex(/^[a-z0-9][a-z0-9-]*$/, "must be a provider's name such as openai")
      .optional()
      .describe(
        "Provider by the name that the price table has for it, such as openai, anthropic or google. The table comes with Cohort, from `@pydantic/genai-prices`.",
      ),
    prices: z
      .record(modelName, modelPrices)
      .refine((it) => Object.keys(it).length > 0, "must name a model")
      .optional()
      .describe("A price table of your own, by model, instead of the one that comes with Cohort."),
    sha256: z
      .string()
      .regex(/^[0-9a-f]{64}$/, "must be 64 hexadecimal digits")
      .optional()
      .describe(
        "SHA-256 that the price table must have. With another one, after an upgrade say, calls are refused with PRICE_UNKNOWN, and the refusal names the hash. Left out, any table will do; each call records which one it was.",
      ),
    models: z
      .record(modelName, modelName)
      .default({})
      .describe(
        "Names of models (or Azure's deployments) as requests give them, with the name that the price table has for each.",
      ),
    max_output_tokens: z
      .int()
      .min(1)
      .max(limits.llmOutputTokensMax)
      .default(4096)
      .describe(
        "Most tokens of one answer. A request that asks for more, or says nothing, is rewritten to this; so much is reserved.",
      ),
    image_tokens_max: z
      .int()
      .min(0)
      .max(limits.llmOutputTokensMax)
      .optional()
      .describe(
        "Most tokens that one image in a request counts for, as the provider documents it. Left out, requests with images are refused.",
      ),
    fields: z
      .array(z.string().min(1).max(64))
      .max(64)
      .default([])
      .describe(
        "Further keys that requests may have at the top, beside those that Cohort knows not to change the price.",
      ),
  })
  .refine((it) => it.provider !== undefined || it.prices !== undefined, {
    message: "needs `provider`, or `prices` of your own",
  });

/** What calls of a service cost. */
export const pricing = z
  .strictObject({
    per_call: money.optional().describe("What one call costs; `0 USD` for a service that is free."),
    per_gigabyte: z
      .strictObject({
        sent: money.prefault("0 USD").describe("What 10^9 bytes of requests' bodies cost."),
        received: money.prefault("0 USD").describe("What 10^9 bytes of answers' bodies cost."),
      })
      .optional()
      .describe("What bytes cost, beside `per_call`. The longest answer is reserved."),
    llm: llm
      .optional()
      .describe(
        "Prices of a language model by token, beside `per_call`: for the OpenAI chat, responses and embeddings APIs, Anthropic's messages and Gemini's generateContent. Other paths of the service are refused.",
      ),
  })
  .refine((it) => Object.keys(it).length > 0, {
    message: "needs `per_call`, `per_gigabyte` or `llm`",
  });

export type LlmPricing = z.infer<typeof llm>;
