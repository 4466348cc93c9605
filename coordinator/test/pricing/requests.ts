import { createHash } from "node:crypto";
import { CohortError } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import { service } from "@cohort/proto/resources/service";
import {
  type PricedAt,
  type PricedRequest,
  type WorstCase,
  worstCase,
} from "../../src/pricing/pricing.ts";

const noonMs = Date.UTC(2026, 10, 22, 12);
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
export const at = (nowMs: number): PricedAt => ({ nowMs, sha256 });
export const now = at(noonMs);

/** A service as `cohort apply` would store it, with this `pricing`. */
export function pricedService(pricing: unknown, limits: object = {}): Service {
  return service.parse({
    kind: "service",
    name: "models",
    base_url: "https://models.example",
    auth: { type: "none" },
    allow: [{ methods: ["GET", "POST"], path: "/**" }],
    ...(pricing === undefined ? {} : { pricing }),
    limits,
  });
}

/** Prices that are easy to reckon with: 1 nano-USD for a token in, 10 for one out. */
export const plainPrices = {
  prices: {
    small: { input: "0.001 USD", output: "0.010 USD" },
    cached: {
      input: "0.010 USD",
      output: "0.010 USD",
      cache_read: "0.001 USD",
      cache_write: "0.020 USD",
    },
    dear: { input: "1 USD", output: "10 USD" },
  },
  max_output_tokens: 100,
};

export function requestOf(method: string, path: string, text: string | Buffer): PricedRequest {
  const body = Buffer.from(text);
  return { method, path, body, length: body.length };
}

export function price(
  path: string,
  asked: unknown,
  llm: object = plainPrices,
): WorstCase & { readonly body: Uint8Array; readonly sent: Record<string, unknown> } {
  const text = typeof asked === "string" ? asked : JSON.stringify(asked);
  const request = requestOf("POST", path, text);
  const worst = worstCase(pricedService({ llm }), request, now);
  const body = worst.body ?? new Uint8Array();
  const sent = JSON.parse(Buffer.from(body).toString()) as Record<string, unknown>;
  return { ...worst, body, sent };
}

/** The code with which a request is refused, or the price that it has. */
export function codeOf(priced: () => WorstCase): string | number {
  try {
    return priced().nanoUsd;
  } catch (error) {
    if (error instanceof CohortError) return error.code;
    throw error;
  }
}

export const chat = "/v1/chat/completions";
export const messages = [{ role: "user", content: "hello" }];
