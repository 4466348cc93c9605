import { limits } from "@cohort/proto/limits";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { pricingLimits } from "../../src/pricing/limits.ts";
import { worstCase } from "../../src/pricing/pricing.ts";
import {
  at,
  chat,
  codeOf,
  messages,
  now,
  plainPrices,
  price,
  pricedService,
  requestOf,
} from "./requests.ts";

const plain = requestOf("POST", "/tickets", "{}");

describe("the worst case of a call without tokens", () => {
  it("is what a call costs, and leaves its body as it is", () => {
    const { nanoUsd, body, tokens } = worstCase(
      pricedService({ per_call: "0.01 USD" }),
      plain,
      now,
    );
    expect({ nanoUsd, body, tokens }).toEqual({
      nanoUsd: 10_000_000,
      body: null,
      tokens: null,
    });
  });

  it("adds the bytes that are sent and the longest answer, rounded up", () => {
    const service = pricedService(
      { per_call: "1 USD", per_gigabyte: { sent: "1 USD", received: "0.09 USD" } },
      { response: "500KB" },
    );
    expect(worstCase(service, plain, now).nanoUsd).toBe(1_000_000_000 + 2 + 45_000);
  });

  it("is refused where the service says no price (75)", () => {
    expect(codeOf(() => worstCase(pricedService(undefined), plain, now))).toBe("PRICE_UNKNOWN");
  });

  it("is refused where it is more than counts exactly", () => {
    const service = pricedService({ per_call: "9007199 USD", per_gigabyte: { sent: "2000 USD" } });
    expect(codeOf(() => worstCase(service, { ...plain, length: 2_000_000 }, now))).toBe(
      "PRICE_UNKNOWN",
    );
  });
});

describe("the worst case of a request to a language model", () => {
  it("takes a token for each byte that is sent, and the longest answer", () => {
    const { nanoUsd, body, tokens } = price(chat, { model: "small", messages });
    const input = body.length + pricingLimits.promptTokensExtra;
    expect(nanoUsd).toBe(input + 100 * 10);
    expect(tokens).toMatchObject({ inputTokensMax: input, outputTokensMax: 100 });
  });

  it("takes the dearest rate that the input may be billed at", () => {
    const { nanoUsd, body } = price(chat, { model: "cached", messages });
    expect(nanoUsd).toBe((body.length + pricingLimits.promptTokensExtra) * 20 + 100 * 10);
  });

  it("counts the schemas of tools, and what providers say of tools themselves", () => {
    const tools = [{ type: "function", function: { name: "look", parameters: { a: "b" } } }];
    const bare = price(chat, { model: "small", messages });
    const tooled = price(chat, { model: "small", messages, tools });
    const more = tooled.body.length - bare.body.length;
    expect(tooled.nanoUsd - bare.nanoUsd).toBe(more + pricingLimits.toolTokensExtra);
  });

  it("is never below what any tokenizer that falls back to bytes makes of the texts", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 200 }), (content) => {
        const { tokens } = price(chat, { model: "small", messages: [{ role: "user", content }] });
        return (tokens?.inputTokensMax ?? 0) >= Buffer.byteLength(content);
      }),
    );
  });

  it("refuses a model that the table does not have (75)", () => {
    expect(codeOf(() => price(chat, { model: "unheard", messages }))).toBe("PRICE_UNKNOWN");
    expect(codeOf(() => price(chat, { model: "__proto__", messages }))).toBe("PRICE_UNKNOWN");
    expect(codeOf(() => price(chat, { messages }))).toBe("PRICE_UNKNOWN");
    const openai = { provider: "openai" };
    expect(codeOf(() => price(chat, { model: "gpt-99", messages }, openai))).toBe("PRICE_UNKNOWN");
    const nobody = { provider: "nobody" };
    expect(codeOf(() => price(chat, { model: "small", messages }, nobody))).toBe("PRICE_UNKNOWN");
  });

  it("takes another name of a model as the service gives it", () => {
    const llm = { ...plainPrices, models: { "my-deployment": "small" } };
    const path = "/openai/deployments/my-deployment/chat/completions?api-version=1";
    expect(price(path, { messages }, llm).tokens?.prices.model).toBe("small");
  });

  it("refuses paths that it knows no price of, and takes nothing for lists of models (75)", () => {
    const service = pricedService({ llm: plainPrices });
    const ask = (method: string, path: string) =>
      codeOf(() => worstCase(service, requestOf(method, path, ""), now));
    for (const path of ["/v1/images/generations", "/v1/batches", "/v1/audio/speech", "/"]) {
      expect([path, ask("POST", path)]).toEqual([path, "PRICE_UNKNOWN"]);
    }
    expect(ask("DELETE", "/v1/models")).toBe("PRICE_UNKNOWN");
    expect(ask("GET", "/v1/models")).toBe(0);
    expect(ask("POST", "/v1/messages/count_tokens")).toBe(0);
  });

  it("refuses a body that is no JSON object of UTF-8", () => {
    for (const text of ["", "[]", "nothing", '{"model":"small"', "null"]) {
      expect([text, codeOf(() => price(chat, text))]).toEqual([text, "USAGE"]);
    }
    const service = pricedService({ llm: plainPrices });
    const body = Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]);
    const request = requestOf("POST", chat, body);
    expect(codeOf(() => worstCase(service, request, now))).toBe("USAGE");
  });

  it("sends of keys that are given twice the one that it priced", () => {
    const text = '{"model":"dear","model":"small","messages":[],"max_tokens":9999,"max_tokens":3}';
    expect(price(chat, text).sent).toEqual({ model: "small", messages: [], max_tokens: 3 });
  });

  it("refuses keys that it does not know, unless the service names them", () => {
    const body = { model: "small", messages, plugins: [{ id: "web" }] };
    expect(codeOf(() => price(chat, body))).toBe("PRICE_UNKNOWN");
    expect(price(chat, body, { ...plainPrices, fields: ["plugins"] }).sent["plugins"]).toEqual([
      { id: "web" },
    ]);
  });

  it("holds to the table that the service names by its hash", () => {
    const { tokens } = price(chat, { model: "small", messages });
    const sha256 = tokens?.prices.table ?? "";
    expect(sha256).toMatch(/^[0-9a-f]{64}$/);
    const body = { model: "small", messages };
    expect(price(chat, body, { ...plainPrices, sha256 }).nanoUsd).toBeGreaterThan(0);
    const other = { ...plainPrices, sha256: "0".repeat(64) };
    expect(codeOf(() => price(chat, body, other))).toBe("PRICE_UNKNOWN");
  });
});

describe("the table that comes with Cohort", () => {
  const rates = (provider: string, model: string, atMs = now.nowMs) => {
    const request = requestOf("POST", chat, JSON.stringify({ model, messages }));
    return worstCase(pricedService({ llm: { provider } }), request, at(atMs)).tokens?.rates;
  };

  it("has integer nano-USD for a million tokens", () => {
    expect(rates("openai", "gpt-4o-mini")).toEqual({
      input: 150_000_000,
      cacheRead: 75_000_000,
      cacheWrite: 150_000_000,
      output: 600_000_000,
    });
  });

  it("takes the dearest of a day where the hour makes the price", () => {
    const night = Date.UTC(2025, 5, 1, 20);
    const noon = Date.UTC(2025, 5, 1, 12);
    expect(rates("deepseek", "deepseek-chat", night)).toEqual(
      rates("deepseek", "deepseek-chat", noon),
    );
  });

  it("takes the dearer of two prices in the hour before one follows the other", () => {
    const change = Date.parse("2025-06-10");
    expect(rates("openai", "o3", change - 2 * limits.callMsMax)?.output).toBe(40e9);
    expect(rates("openai", "o3", change - 1)?.output).toBe(40e9);
    expect(rates("openai", "o3", change)?.output).toBe(8e9);
  });

  it("takes the tier of long requests where the request may be one", () => {
    const long = [{ role: "user", content: "x".repeat(300_000) }];
    const service = pricedService({ llm: { provider: "google" } });
    const ask = (text: string) =>
      worstCase(
        service,
        requestOf(
          "POST",
          "/v1beta/models/gemini-2.5-pro:generateContent",
          JSON.stringify({ contents: [{ parts: [{ text }] }] }),
        ),
        now,
      ).tokens?.rates.output;
    expect(ask("short")).toBe(10e9);
    expect(ask(long[0]?.content ?? "")).toBe(15e9);
  });

  it("refuses models that search by themselves, and those that tokens do not explain (75)", () => {
    const ask = (provider: string, model: string) =>
      codeOf(() => price(chat, { model, messages }, { provider }));
    expect(ask("perplexity", "sonar")).toBe("PRICE_UNKNOWN");
    expect(ask("openai", "whisper-1")).toBe("PRICE_UNKNOWN");
    expect(ask("openai", "text-embedding-3-small")).toBe("PRICE_UNKNOWN");
  });
});
