import type { TokenPrice } from "@cohort/proto/gen/cohort/ledger";
import { type CohortError, refuse } from "@cohort/proto/problem";
import type { LlmPricing } from "@cohort/proto/resources/service/pricing";
import { pricingLimits } from "./limits.ts";
import { type PriceTable, priceTableOf, type Sha256 } from "./price-table.ts";
import type { PricedAt, PricedRequest } from "./pricing.ts";
import { dearestRates, type ModelPrices, type Rates, worstCost } from "./rates.ts";
import { routeOf } from "./route.ts";
import { type Fields, isFields, type Limited, type Shape } from "./shapes/shape.ts";

/** What bounds the tokens of a request, and what they cost at most. */
export interface TokenLimit {
  readonly shape: Shape;
  readonly body: Uint8Array;
  readonly prices: ModelPrices;
  /** The dearest that may apply. */
  readonly rates: Rates;
  readonly inputTokensMax: number;
  readonly outputTokensMax: number;
  readonly worstNanoUsd: number;
  /** Prices of the model that an answer names; null where it is one that has none. */
  pricesOfAnswer(model: string): ModelPrices | null;
}

/** As the ledger keeps it. */
export function tokenPrice(limit: TokenLimit): TokenPrice {
  const { prices, rates, inputTokensMax, outputTokensMax } = limit;
  const table = new Uint8Array(Buffer.from(prices.table, "hex"));
  return { model: prices.model, table, ...rates, inputTokensMax, outputTokensMax };
}

/** Null for what no provider bills. Throws PRICE_UNKNOWN and USAGE. */
export function limitTokens(
  service: string,
  llm: LlmPricing,
  { method, path, body: bytes }: PricedRequest,
  { nowMs, sha256 }: PricedAt,
): TokenLimit | null {
  const route = routeOf(method, path);
  if (route.kind === "free") return null;
  if (route.kind === "unknown") {
    throw refuse("PRICE_UNKNOWN", `service ${service} has no price of ${method} ${path}`, {
      hint: "prices by token are known of chat, responses, embeddings, messages and generateContent; give other paths a service of their own",
    });
  }
  const { shape } = route;
  const body = parseBody(bytes ?? new Uint8Array());
  checkFields(body, shape, llm);
  const named = route.model ?? body["model"];
  if (typeof named !== "string") throw unknownModel(service, String(named));
  const terms = { outputTokensMax: llm.max_output_tokens, provider: llm.provider ?? "" };
  const limited = shape.limit(body, terms);
  const imageTokens = tokensOfImages(limited, llm);
  const table = tableOf(service, llm, sha256);
  const pricesOf = (model: string) =>
    table.pricesOf(pricedName(llm, model), limited.images > 0, nowMs);
  const prices = pricesOf(named);
  if (prices === null || (shape.answersWithTokens && !prices.hasOutput)) {
    throw unknownModel(service, named);
  }
  const rewritten = Buffer.from(JSON.stringify(limited.body));
  const inputTokensMax = textTokensMax(rewritten.length, limited) + imageTokens;
  const rates = dearestRates(prices, inputTokensMax);
  const { outputTokensMax } = limited;
  const worstNanoUsd = worstCost(rates, inputTokensMax, outputTokensMax);
  if (worstNanoUsd === null) throw unknownModel(service, named);
  return {
    shape,
    body: rewritten,
    prices,
    rates,
    inputTokensMax,
    outputTokensMax,
    worstNanoUsd,
    pricesOfAnswer: pricesOf,
  };
}

/** Sent anew as it was read, so that the provider reads nothing else in it. */
function parseBody(bytes: Uint8Array): Fields {
  try {
    const value: unknown = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
    if (isFields(value)) return value;
  } catch {
    // Falls to the refusal.
  }
  throw refuse("USAGE", "the body of a request to a language model must be a JSON object");
}

function checkFields(body: Fields, { fields }: Shape, llm: LlmPricing): void {
  const strange = Object.keys(body).find((it) => !fields.has(it) && !llm.fields.includes(it));
  if (strange === undefined) return;
  const shown = JSON.stringify(strange.slice(0, 64));
  throw refuse("PRICE_UNKNOWN", `the request has ${shown}, and nobody says what that costs`, {
    hint: "leave it out, or name it in the service's `pricing.llm.fields` if it changes no price",
  });
}

function tokensOfImages({ images }: Limited, llm: LlmPricing): number {
  if (images === 0) return 0;
  if (llm.image_tokens_max === undefined || images > pricingLimits.imagesMax) {
    throw refuse("PRICE_UNKNOWN", "the request has images, and nobody says what they cost", {
      hint: `give the service \`pricing.llm.image_tokens_max\`; a request may have ${pricingLimits.imagesMax} images`,
    });
  }
  return images * llm.image_tokens_max;
}

/** A tokenizer that falls back to bytes makes no more tokens than there are bytes. */
function textTokensMax(bytes: number, { imageBytes, hasTools }: Limited): number {
  const { promptTokensExtra, toolTokensExtra } = pricingLimits;
  return bytes - imageBytes + promptTokensExtra + (hasTools ? toolTokensExtra : 0);
}

function tableOf(service: string, llm: LlmPricing, sha256: Sha256): PriceTable {
  const table = priceTableOf(llm, sha256);
  if (table === null) {
    throw refuse("PRICE_UNKNOWN", `there is no price table of provider ${llm.provider}`, {
      hint: `give service ${service} \`pricing.llm.prices\` of its own`,
    });
  }
  if (llm.sha256 !== undefined && llm.sha256 !== table.hash) {
    throw refuse("PRICE_UNKNOWN", `the price table of ${service} is not the one that it names`, {
      hint: `look whether its prices are right; then set \`pricing.llm.sha256\` to ${table.hash}`,
    });
  }
  return table;
}

function pricedName({ models }: LlmPricing, model: string): string {
  return Object.hasOwn(models, model) ? (models[model] as string) : model;
}

function unknownModel(service: string, model: string): CohortError {
  const shown = JSON.stringify(model.slice(0, 200));
  return refuse("PRICE_UNKNOWN", `the price of model ${shown} is not known for ${service}`, {
    hint: "name it in the service's `pricing.llm.models` or `prices`",
  });
}
