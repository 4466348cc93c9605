import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { limits } from "@cohort/proto/limits";
import { nanoUsdPerUsd } from "@cohort/proto/quantity";
import {
  type ConditionalPrice,
  calcPrice,
  findProvider,
  type ModelPrice,
} from "@pydantic/genai-prices";
import type { Sha256 } from "./price-table.ts";
import { dearer, type ModelPrices, type Rates } from "./rates.ts";

/**
 * Prices of a model from `@pydantic/genai-prices`, in USD for a million tokens there. Where several
 * hold (peak hours, a change that is announced for the hour of the call) the dearest counts. Null
 * for a model that the table does not have, or has a price of that tokens do not explain.
 */
export function shippedPrices(
  provider: string,
  model: string,
  asked: { readonly hash: string; readonly withImages: boolean; readonly nowMs: number },
): ModelPrices | null {
  const { hash: table, withImages, nowMs } = asked;
  const timestamp = new Date(nowMs);
  const found = calcPrice({ input_tokens: 0 }, model, { providerId: provider, timestamp });
  if (found === null || searchesByItself.test(found.model.id)) return null;
  const { prices } = found.model;
  const holding = Array.isArray(prices) ? pricesAt(prices, nowMs) : [prices];
  if (!holding.every(isOfTokens)) return null;
  const starts = [...new Set(holding.flatMap(tierStarts))].sort((a, b) => a - b);
  const tiers = starts.map((inputTokensMin) => ({
    inputTokensMin,
    rates: holding.map((it) => ratesFrom(it, inputTokensMin, withImages)).reduce(dearer),
  }));
  const hasOutput = holding.every((it) => Object.keys(it).some((key) => key.startsWith("output_")));
  return { model: found.model.id, table, tiers, hasOutput };
}

/** SHA-256 of what the table says of the provider and of those that it falls back to. */
export function shippedTableHash(providerId: string, sha256: Sha256): string | null {
  const known = hashes.get(providerId);
  if (known !== undefined) return known;
  const provider = findProvider({ providerId });
  if (provider === undefined || provider.id !== providerId) return null;
  const fallbacks = (provider.fallback_model_providers ?? []).map(
    (it) => findProvider({ providerId: it })?.models,
  );
  const text = canonicalJson(JSON.parse(JSON.stringify([provider.models, fallbacks])));
  const hash = sha256(text);
  hashes.set(providerId, hash);
  return hash;
}

/** The table does not change while the process lives. */
const hashes = new Map<string, string>();

/** Models that search whether asked to or not, for a fee that the request does not tell. */
const searchesByItself = /search|sonar|research/;

/** Those of certain hours, and of the others the latest that has begun by now or by the end of the longest call. */
function pricesAt(prices: readonly ConditionalPrice[], nowMs: number): ModelPrice[] {
  const daily = prices.filter((it) => it.constraint?.type === "time_of_date");
  const moments = [nowMs, nowMs + limits.callMsMax];
  const dated = moments.map((atMs) =>
    prices.findLast(
      ({ constraint }) =>
        constraint === undefined ||
        (constraint.type === "start_date" && Date.parse(constraint.start_date) <= atMs),
    ),
  );
  return [...dated.filter((it) => it !== undefined), ...daily].map((it) => it.prices);
}

/** Fees for what a request can't ask for here: tools of the provider's own are refused. */
const feesOfTools = new Set(["web_searches_kcount", "storage_searches_kcount"]);

/** An embedding has no price of its output; whether that is needed, the request's kind says. */
function isOfTokens(price: ModelPrice): boolean {
  const keys = Object.keys(price).filter((it) => price[it] !== undefined && !feesOfTools.has(it));
  return price["input_mtok"] !== undefined && keys.every((it) => it.endsWith("_mtok"));
}

function tierStarts(price: ModelPrice): number[] {
  // A tier holds for requests longer than its start.
  const startsOf = (it: Price | undefined) =>
    typeof it === "object" ? it.tiers.map(({ start }) => start + 1) : [];
  return [0, ...Object.values(price).flatMap(startsOf)];
}

function ratesFrom(price: ModelPrice, inputTokens: number, withImages: boolean): Rates {
  const dearest = (pattern: RegExp) => {
    const rates = Object.entries(price).flatMap(([key, it]) =>
      it !== undefined && pattern.test(key) ? [nanoUsdAt(it, inputTokens)] : [],
    );
    return rates.length === 0 ? null : Math.max(...rates);
  };
  const input = dearest(withImages ? /^input_(?:image_)?mtok$/ : /^input_mtok$/) ?? 0;
  return {
    input,
    cacheRead: dearest(withImages ? /^cache_(?:image_)?read_mtok$/ : /^cache_read_mtok$/) ?? input,
    cacheWrite: Math.max(input, dearest(/^cache_write/) ?? 0),
    output: dearest(/^output_/) ?? 0,
  };
}

type Price = NonNullable<ModelPrice[string]>;

function nanoUsdAt(price: Price, inputTokens: number): number {
  if (typeof price === "number") return Math.round(price * nanoUsdPerUsd);
  const tier = price.tiers.findLast(({ start }) => inputTokens > start);
  return Math.round((tier?.price ?? price.base) * nanoUsdPerUsd);
}
