import type { TokenLimit } from "./limit-tokens.ts";
import { pricingLimits } from "./limits.ts";
import { type Tokens, usageCost, worstCost } from "./rates.ts";
import { createReader, type MessageReader } from "./read-messages.ts";
import { isKnownTier } from "./shapes/tier.ts";
import { UsageSum } from "./usage.ts";

/** Measures one answer as it passes. */
export interface Meter {
  /** Before the first chunk: as what the service answers. */
  onHead(contentType: string): void;
  /** "cut": the answer has become longer, or dearer, than what was reserved; no more is taken. */
  onChunk(bytes: Uint8Array): "continue" | "cut";
  /** What the provider may bill, the call is charged. */
  settle(end: CallEnd): Charge;
}

export interface CallEnd {
  /** Whether a byte of the request may have left. */
  readonly sent: boolean;
  /** Whether the answer came to its end. */
  readonly complete: boolean;
  /** 0 when there was no answer. */
  readonly status: number;
  /** Of the request's body. */
  readonly bytesOut: number;
}

export type Charge =
  | {
      readonly kind: "posted";
      readonly nanoUsd: number;
      /** void: never sent; price: no tokens in it; usage: as the answer tells; hold: the worst case. */
      readonly by: "void" | "price" | "usage" | "hold";
      readonly tokens: Tokens | null;
      /** As the answer names it. */
      readonly model: string;
    }
  /** The answer came at a price that nobody knows, so that what was reserved may not be enough. */
  | { readonly kind: "uncertain"; readonly reason: string };

export interface MeterOptions {
  readonly worstNanoUsd: number;
  readonly sentBytesMax: number;
  readonly tokens: TokenLimit | null;
  /** What a call costs beside tokens, with so many bytes in it and in its answer. */
  readonly besideTokens: (sentBytes: number, receivedBytes: number) => number | null;
}

export function createMeter(options: MeterOptions): Meter {
  return new AnswerMeter(options);
}

class AnswerMeter implements Meter {
  readonly #options: MeterOptions;
  readonly #usage = new UsageSum();
  #reader: MessageReader | null = null;
  #bytes = 0;
  #textLength = 0;
  #toldAll = false;

  constructor(options: MeterOptions) {
    this.#options = options;
  }

  onHead(contentType: string): void {
    if (this.#options.tokens === null) return;
    this.#reader = createReader(contentType, (message) => this.#read(message));
  }

  onChunk(bytes: Uint8Array): "continue" | "cut" {
    const { worstNanoUsd, sentBytesMax, tokens, besideTokens } = this.#options;
    this.#bytes += bytes.length;
    this.#reader?.push(bytes);
    const beside = besideTokens(sentBytesMax, this.#bytes) ?? Number.POSITIVE_INFINITY;
    const spent = tokens === null ? 0 : (this.#spentOn(tokens) ?? Number.POSITIVE_INFINITY);
    const tooLong = this.#textLength > this.#textLengthMax();
    return beside + spent > worstNanoUsd || tooLong ? "cut" : "continue";
  }

  settle(end: CallEnd): Charge {
    if (!end.sent) return this.#posted(0, "void", null);
    const { tokens } = this.#options;
    if (tokens === null) return this.#settlePlain(end);
    if (end.complete) this.#reader?.end();
    return this.#settleTokens(tokens, { ...end, complete: end.complete || this.#toldAll });
  }

  #settlePlain({ complete, bytesOut }: CallEnd): Charge {
    const { worstNanoUsd, besideTokens } = this.#options;
    const cost = complete ? besideTokens(bytesOut, this.#bytes) : null;
    return cost === null
      ? this.#posted(worstNanoUsd, "hold", null)
      : this.#posted(cost, "price", null);
  }

  #settleTokens(limit: TokenLimit, { complete, status, bytesOut }: CallEnd): Charge {
    const { worstNanoUsd, besideTokens } = this.#options;
    const hold = () => this.#posted(worstNanoUsd, "hold", null);
    const beside = besideTokens(bytesOut, this.#bytes) ?? worstNanoUsd;
    if (complete && neverReached.has(status)) return this.#posted(beside, "price", null);
    if (complete && unprocessed.has(status) && !this.#usage.isKnown) {
      // What was asked may have been read before it was turned down; nothing was answered.
      const asked = worstCost(limit.rates, limit.inputTokensMax, 0);
      return asked === null ? hold() : this.#posted(beside + asked, "price", null);
    }
    const { model, tier } = this.#usage;
    const answered = model === "" ? limit.prices : limit.pricesOfAnswer(model);
    if (answered === null) {
      return this.#uncertain(`the answer is of model ${model}, whose price is not known`);
    }
    if (!isKnownTier(tier)) {
      return this.#uncertain(
        `the answer is of service tier ${String(tier)}, whose price is not known`,
      );
    }
    const tokens = this.#usage.tokens;
    if (!complete || tokens === null) return hold();
    const asked = usageCost(limit.prices, tokens);
    const costs = [asked, usageCost(answered, tokens)];
    const [a, b] = costs;
    if (a === null || b === null || a === undefined || b === undefined) {
      return this.#uncertain("the answer tells of more tokens than can be counted");
    }
    const total = beside + Math.max(a, b);
    if (!Number.isSafeInteger(total)) {
      return this.#uncertain("the answer tells of more tokens than can be counted");
    }
    return this.#posted(total, "usage", tokens);
  }

  #read(message: Parameters<TokenLimit["shape"]["usageOf"]>[0]): void {
    const { tokens } = this.#options;
    if (tokens === null) return;
    this.#usage.add(tokens.shape.usageOf(message));
    this.#textLength += tokens.shape.textLength(message);
    if (tokens.shape.isLast(message)) this.#toldAll = true;
  }

  /** What the provider has already told that it will bill. */
  #spentOn(limit: TokenLimit): number | null {
    const tokens = this.#usage.tokens;
    return tokens === null ? 0 : usageCost(limit.prices, tokens);
  }

  /** More text than the tokens that were allowed can hold: the provider does not keep the limit. */
  #textLengthMax(): number {
    const { tokens } = this.#options;
    if (tokens === null) return Number.POSITIVE_INFINITY;
    return tokens.outputTokensMax * pricingLimits.tokenBytesMax;
  }

  #posted(nanoUsd: number, by: "void" | "price" | "usage" | "hold", tokens: Tokens | null): Charge {
    return { kind: "posted", nanoUsd, by, tokens, model: this.#usage.model };
  }

  #uncertain(reason: string): Charge {
    return { kind: "uncertain", reason };
  }
}

/** Turned away at the door: no model has seen the request. */
const neverReached: ReadonlySet<number> = new Set([401, 403, 404, 405, 413, 415, 429]);
/** Turned down after a look at it, which some providers bill. */
const unprocessed: ReadonlySet<number> = new Set([400, 422]);
