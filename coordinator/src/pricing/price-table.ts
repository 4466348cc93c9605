import { canonicalJson } from "@cohort/proto/ledger/canonical";
import type { LlmPricing } from "@cohort/proto/resources/service/pricing";
import type { ModelPrices } from "./rates.ts";
import { shippedPrices, shippedTableHash } from "./shipped-prices.ts";

/** Of a text in UTF-8, in hex. */
export type Sha256 = (text: string) => string;

/** Where prices of a service's models are: a table of the user's own, or the one that comes along. */
export interface PriceTable {
  /** SHA-256 of the table, hex. */
  readonly hash: string;
  /** Null where the table does not have the model. */
  pricesOf(model: string, withImages: boolean, nowMs: number): ModelPrices | null;
}

/** Null where nobody has a table of the provider. */
export function priceTableOf(llm: LlmPricing, sha256: Sha256): PriceTable | null {
  if (llm.prices !== undefined) return ownTable(llm.prices, sha256);
  const provider = llm.provider ?? "";
  const hash = shippedTableHash(provider, sha256);
  if (hash === null) return null;
  return {
    hash,
    pricesOf: (model, withImages, nowMs) =>
      shippedPrices(provider, model, { hash, withImages, nowMs }),
  };
}

function ownTable(prices: NonNullable<LlmPricing["prices"]>, sha256: Sha256): PriceTable {
  const hash = sha256(canonicalJson(prices));
  return {
    hash,
    pricesOf(model) {
      const own = Object.hasOwn(prices, model) ? prices[model] : undefined;
      if (own === undefined) return null;
      const { input, output, cache_read: cacheRead = input, cache_write: cacheWrite = input } = own;
      const rates = { input, output, cacheRead, cacheWrite };
      return { model, table: hash, tiers: [{ inputTokensMin: 0, rates }], hasOutput: true };
    },
  };
}
