import { costOf, tokensPerRate } from "./cost.ts";

/** Integer nano-USD for a million tokens. */
export interface Rates {
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
}

/** Prices of a model as a table has them; from `inputTokensMin` on, the tier's hold for all tokens. */
export interface ModelPrices {
  /** Name that the table has for the model. */
  readonly model: string;
  /** SHA-256 of the table, hex. */
  readonly table: string;
  /** From 0 on, ascending. */
  readonly tiers: readonly { readonly inputTokensMin: number; readonly rates: Rates }[];
  /** False for models that only take in, such as those that make embeddings. */
  readonly hasOutput: boolean;
}

/** Tokens that were, or may be, used. */
export interface Tokens {
  /** All of the request, cached ones included. */
  readonly input: number;
  readonly cacheRead: number;
  readonly cacheWrite: number;
  readonly output: number;
}

/** The dearest rates that a request of at most so many tokens may be billed at. */
export function dearestRates({ tiers }: ModelPrices, inputTokensMax: number): Rates {
  return tiers
    .filter((it) => it.inputTokensMin <= inputTokensMax)
    .map((it) => it.rates)
    .reduce(dearer);
}

export function dearer(a: Rates, b: Rates): Rates {
  return {
    input: Math.max(a.input, b.input),
    cacheRead: Math.max(a.cacheRead, b.cacheRead),
    cacheWrite: Math.max(a.cacheWrite, b.cacheWrite),
    output: Math.max(a.output, b.output),
  };
}

/** What a request of so many tokens may cost at most, however its input is cached. */
export function worstCost(rates: Rates, inputTokensMax: number, outputTokensMax: number) {
  const dearestInput = Math.max(rates.input, rates.cacheRead, rates.cacheWrite);
  return costOf(0, [
    { count: inputTokensMax, rate: dearestInput, per: tokensPerRate },
    { count: outputTokensMax, rate: rates.output, per: tokensPerRate },
  ]);
}

/** What the tokens cost that were used; null where that can't be counted. */
export function usageCost(prices: ModelPrices, tokens: Tokens): number | null {
  const rates = dearestRates(prices, tokens.input);
  const uncached = tokens.input - tokens.cacheRead - tokens.cacheWrite;
  return costOf(0, [
    { count: uncached, rate: rates.input, per: tokensPerRate },
    { count: tokens.cacheRead, rate: rates.cacheRead, per: tokensPerRate },
    { count: tokens.cacheWrite, rate: rates.cacheWrite, per: tokensPerRate },
    { count: tokens.output, rate: rates.output, per: tokensPerRate },
  ]);
}
