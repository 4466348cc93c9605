import { refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import { bytesPerRate, costOf } from "./cost.ts";
import { limitTokens, type TokenLimit } from "./limit-tokens.ts";
import { createMeter, type Meter } from "./meter.ts";
import type { Sha256 } from "./price-table.ts";

/** A request as it was admitted. */
export interface PricedRequest {
  readonly method: string;
  /** With query. */
  readonly path: string;
  /** Null where the price does not depend on it, and it is yet to come. */
  readonly body: Uint8Array | null;
  /** Of the body, in bytes; null while nobody knows. */
  readonly length: number | null;
}

/** Prices change with time. */
export interface PricedAt {
  readonly nowMs: number;
  /** By which price tables are known. */
  readonly sha256: Sha256;
}

/** The most that a call can cost, and what must be sent so that it can cost no more. */
export interface WorstCase {
  readonly nanoUsd: number;
  /** In the place of the request's body; null where that is sent as it is. */
  readonly body: Uint8Array | null;
  /** How the price of tokens was found, for the ledger; null where there are none. */
  readonly tokens: TokenLimit | null;
  /** Measures the answer of this call. */
  readonly meter: Meter;
}

/** Whether the price depends on the body, which must be all there then. */
export function pricesBody({ pricing }: Service): boolean {
  return pricing?.llm !== undefined;
}

/**
 * Prices a request before it leaves. For a language model the bytes of the request bound its tokens,
 * and the request is rewritten so that its answer is bounded too.
 * Throws PRICE_UNKNOWN for what could cost more than anyone can say, USAGE for a body that is no JSON.
 */
export function worstCase(service: Service, request: PricedRequest, at: PricedAt): WorstCase {
  const { pricing, name, limits } = service;
  if (pricing === undefined) {
    throw refuse("PRICE_UNKNOWN", `service ${name} does not say what a call costs`, {
      hint: "give it `pricing: { per_call: 0.01 USD }`, or 0 USD when it is free",
    });
  }
  const { per_call: fee = 0, per_gigabyte: perGigabyte = { sent: 0, received: 0 }, llm } = pricing;
  const tokens = llm === undefined ? null : limitTokens(name, llm, request, at);
  const body = tokens?.body ?? null;
  const cost = (sentBytes: number, receivedBytes: number) =>
    costOf(fee, [
      { count: sentBytes, rate: perGigabyte.sent, per: bytesPerRate },
      { count: receivedBytes, rate: perGigabyte.received, per: bytesPerRate },
    ]);
  const sentBytesMax = body?.length ?? request.length ?? limits.request;
  const beside = cost(sentBytesMax, limits.response);
  const nanoUsd = beside === null ? null : addExact(beside, tokens?.worstNanoUsd ?? 0);
  if (nanoUsd === null) throw refuse("PRICE_UNKNOWN", `a call of ${name} costs more than counts`);
  return {
    nanoUsd,
    body,
    tokens,
    meter: createMeter({ worstNanoUsd: nanoUsd, sentBytesMax, tokens, besideTokens: cost }),
  };
}

function addExact(a: number, b: number): number | null {
  return Number.isSafeInteger(a + b) ? a + b : null;
}
