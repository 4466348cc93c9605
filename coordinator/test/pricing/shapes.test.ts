import { describe, expect, it } from "vitest";
import { chat, codeOf, messages, plainPrices, price } from "./requests.ts";

const image = {
  type: "image_url",
  image_url: { url: `data:image/png;base64,${"A".repeat(5000)}` },
};
const gemini = "/v1beta/models/small:generateContent";
const contents = [{ role: "user", parts: [{ text: "hello" }] }];

describe("what is asked of a model", () => {
  it("is one answer of bounded length, whatever the request says (72)", () => {
    const greedy = { model: "small", messages, n: 100, max_tokens: 10 ** 9 };
    expect(price(chat, greedy).sent).toMatchObject({ n: 1, max_tokens: 100 });
    const both = { model: "small", messages, max_tokens: 7, max_completion_tokens: 10 ** 9 };
    const { max_tokens: left, ...sent } = price(chat, both).sent;
    expect([left, sent["max_completion_tokens"]]).toEqual([undefined, 100]);
    for (const odd of [-1, 0, 1.5, "9999", null, [1]]) {
      expect(price(chat, { model: "small", messages, max_tokens: odd }).sent["max_tokens"]).toBe(
        100,
      );
    }
    expect(
      price("/v1/responses", { model: "small", input: "hi", max_output_tokens: 1e6 }).sent,
    ).toMatchObject({ max_output_tokens: 100 });
    expect(price("/v1/messages", { model: "small", messages, max_tokens: 1e6 }).sent).toMatchObject(
      { max_tokens: 100 },
    );
    const generationConfig = { candidateCount: 8, maxOutputTokens: 1e6, temperature: 0 };
    expect(price(gemini, { contents, generationConfig }).sent["generationConfig"]).toEqual({
      candidateCount: 1,
      maxOutputTokens: 100,
      temperature: 0,
    });
  });

  it("may be less than is allowed, and is then reserved as less", () => {
    const less = price(chat, { model: "small", messages, max_tokens: 10 });
    expect(less.sent["max_tokens"]).toBe(10);
    expect(less.tokens?.outputTokensMax).toBe(10);
  });

  it("is limited in the word that the provider's newer models take", () => {
    const openai = { provider: "openai", max_output_tokens: 5 };
    expect(price(chat, { model: "gpt-4o", messages }, openai).sent).toMatchObject({
      max_completion_tokens: 5,
    });
  });

  it("tells its usage where it is streamed", () => {
    const asked = { model: "small", messages, stream: true };
    const unwilling = { ...asked, stream_options: { include_usage: false, other: 1 } };
    expect(price(chat, asked).sent["stream_options"]).toEqual({ include_usage: true });
    expect(price(chat, unwilling).sent["stream_options"]).toEqual({
      include_usage: true,
      other: 1,
    });
  });

  it("is of the tier whose prices are known, also where the account has another (71)", () => {
    const openai = { provider: "openai" };
    for (const tier of [{}, { service_tier: "priority" }, { service_tier: "auto" }]) {
      expect(price(chat, { model: "gpt-4o", messages, ...tier }, openai).sent).toMatchObject({
        service_tier: "default",
      });
    }
    const claude = { model: "claude-sonnet-5", messages, service_tier: "auto" };
    expect(price("/v1/messages", claude, { provider: "anthropic" }).sent).toMatchObject({
      service_tier: "standard_only",
    });
    const unknown = { model: "small", messages, service_tier: "priority" };
    expect(price(chat, unknown).sent).not.toHaveProperty("service_tier");
  });

  it("has no tool of the provider's own, which would cost beside the tokens (75)", () => {
    const ask = (path: string, body: object) => codeOf(() => price(path, body));
    const search = [{ type: "web_search" }];
    expect(ask(chat, { model: "small", messages, tools: search })).toBe("PRICE_UNKNOWN");
    expect(ask(chat, { model: "small", messages, web_search_options: {} })).toBe("PRICE_UNKNOWN");
    expect(ask("/v1/responses", { model: "small", input: "a", tools: search })).toBe(
      "PRICE_UNKNOWN",
    );
    expect(ask("/v1/responses", { model: "small", input: "a", previous_response_id: "r" })).toBe(
      "PRICE_UNKNOWN",
    );
    expect(
      ask("/v1/messages", { model: "small", messages, tools: [{ type: "web_search_20250305" }] }),
    ).toBe("PRICE_UNKNOWN");
    expect(ask(gemini, { contents, tools: [{ googleSearch: {} }] })).toBe("PRICE_UNKNOWN");
    expect(ask(gemini, { contents, cachedContent: "cachedContents/a" })).toBe("PRICE_UNKNOWN");
    const own = [{ functionDeclarations: [{ name: "look" }] }];
    expect(ask(gemini, { contents, tools: own })).toBeTypeOf("number");
  });

  it("has images by the service's own bound alone, and neither sound nor files", () => {
    const ask = (content: unknown, llm: object = plainPrices) =>
      price(chat, { model: "small", messages: [{ role: "user", content }] }, llm);
    expect(codeOf(() => ask([image]))).toBe("PRICE_UNKNOWN");
    const bounded = ask([image], { ...plainPrices, image_tokens_max: 700 });
    // The bytes of an image are no text: they would count for thousands of tokens.
    expect(bounded.tokens?.inputTokensMax).toBeLessThan(1_000);
    expect(bounded.tokens?.inputTokensMax).toBeGreaterThan(700);
    for (const type of ["input_audio", "file", "video_url", "unheard", undefined]) {
      expect(codeOf(() => ask([{ type }], { ...plainPrices, image_tokens_max: 1 }))).toBe(
        "PRICE_UNKNOWN",
      );
    }
    const sound = { inlineData: { mimeType: "audio/wav", data: "AAAA" } };
    expect(codeOf(() => price(gemini, { contents: [{ parts: [sound] }] }))).toBe("PRICE_UNKNOWN");
    const document = { type: "document", source: { type: "file", file_id: "f" } };
    expect(
      codeOf(() =>
        price("/v1/messages", {
          model: "small",
          messages: [{ role: "user", content: [document] }],
        }),
      ),
    ).toBe("PRICE_UNKNOWN");
  });

  it("sees images within the results of tools", () => {
    const inner = { type: "image", source: { type: "base64", data: "AAAA" } };
    const result = { type: "tool_result", tool_use_id: "t", content: [inner] };
    const body = { model: "small", messages: [{ role: "user", content: [result] }] };
    expect(codeOf(() => price("/v1/messages", body))).toBe("PRICE_UNKNOWN");
  });

  it("may be embeddings, which have no answer in tokens", () => {
    const openai = { provider: "openai" };
    const body = { model: "text-embedding-3-small", input: ["hello", "you"] };
    const { tokens } = price("/v1/embeddings", body, openai);
    expect(tokens?.outputTokensMax).toBe(0);
    expect(codeOf(() => price("/v1/embeddings", { ...body, input: [{}] }, openai))).toBe(
      "PRICE_UNKNOWN",
    );
  });
});
