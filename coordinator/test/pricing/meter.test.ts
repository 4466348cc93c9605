import { describe, expect, it } from "vitest";
import { pricingLimits } from "../../src/pricing/limits.ts";
import type { Charge, Meter } from "../../src/pricing/meter.ts";
import { worstCase } from "../../src/pricing/pricing.ts";
import { chat, messages, now, price, pricedService, requestOf } from "./requests.ts";

const sse = "text/event-stream; charset=utf-8";
const done = { sent: true, complete: true, status: 200, bytesOut: 0 };
const gone = { ...done, complete: false };
const small = { model: "small", messages };

function events(...values: readonly unknown[]): string {
  return values.map((it) => `data: ${JSON.stringify(it)}\n\n`).join("");
}

/** The answer in pieces of `size` bytes; tells whether the meter cut it. */
function feed(meter: Meter, text: string, contentType = sse, size = 7): "continue" | "cut" {
  meter.onHead(contentType);
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) {
    if (meter.onChunk(bytes.subarray(at, at + size)) === "cut") return "cut";
  }
  return "continue";
}

function charged(charge: Charge): [string, number] {
  return charge.kind === "posted" ? [charge.by, charge.nanoUsd] : [charge.kind, -1];
}

const usage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };
const spoken = { model: "small", choices: [{ delta: { content: "hi" } }] };
const last = { model: "small", choices: [], usage };

describe("the meter of a language model's answer", () => {
  it("charges what one JSON answer says that it used", () => {
    const meter = price(chat, small).meter;
    feed(meter, JSON.stringify({ model: "small", choices: [], usage }), "application/json");
    expect(charged(meter.settle(done))).toEqual(["usage", 10 + 5 * 10]);
  });

  it("charges what the last event of a stream says, however it is cut into chunks", () => {
    const text = `: ping\r\n\r\n${events(spoken, spoken, last)}data: [DONE]\n\n`;
    for (const size of [1, 2, 3, 1000]) {
      const meter = price(chat, small).meter;
      feed(meter, text, sse, size);
      expect(charged(meter.settle(done))).toEqual(["usage", 60]);
    }
  });

  it("reads lines that end by CR, LF or both, and data in several of them", () => {
    for (const end of ["\r", "\n", "\r\n"]) {
      const text = [
        "event: x",
        'data: {"model":"small",',
        `data: "usage":${JSON.stringify(usage)}}`,
      ];
      const meter = price(chat, small).meter;
      feed(meter, `${text.join(end)}${end}${end}`, sse, 1);
      expect(charged(meter.settle(done))).toEqual(["usage", 60]);
    }
  });

  it("charges the worst case where a stream ends without usage (69)", () => {
    const create = () => price(chat, small).meter;
    const { nanoUsd } = price(chat, small);
    const meter = create();
    feed(meter, `${events(spoken, spoken)}data: [DONE]\n\n`);
    expect(charged(meter.settle(done))).toEqual(["hold", nanoUsd]);
  });

  it("charges the worst case where the caller goes before the first token, or later (68)", () => {
    const create = () => price(chat, small).meter;
    const { nanoUsd } = price(chat, small);
    const unheard = create();
    expect(charged(unheard.settle(gone))).toEqual(["hold", nanoUsd]);
    const begun = create();
    feed(begun, events(spoken));
    expect(charged(begun.settle(gone))).toEqual(["hold", nanoUsd]);
  });

  it("charges the usage where the caller goes after it was told (68)", () => {
    const meter = price(chat, small).meter;
    feed(meter, events(spoken, last));
    expect(charged(meter.settle(gone))).toEqual(["usage", 60]);
  });

  it("charges nothing for what was never sent", () => {
    const meter = price(chat, small).meter;
    expect(charged(meter.settle({ ...gone, sent: false, status: 0 }))).toEqual(["void", 0]);
  });

  it("charges the worst case where usage is negative, fractional, text or NaN (70)", () => {
    for (const odd of [-1, 0.5, "5", null, {}, "NaN", -(10 ** 30)]) {
      const create = () => price(chat, small).meter;
      const { nanoUsd } = price(chat, small);
      const meter = create();
      const broken = { ...usage, completion_tokens: odd };
      feed(meter, events(spoken, { model: "small", choices: [], usage: broken }));
      expect([odd, ...charged(meter.settle(done))]).toEqual([odd, "hold", nanoUsd]);
    }
  });

  it("charges more than was reserved in full, and leaves what can't be counted open (70)", () => {
    const huge = (tokens: number) => {
      const meter = price(chat, small).meter;
      const told = { prompt_tokens: tokens, completion_tokens: 0 };
      const text = JSON.stringify({ model: "small", usage: told });
      feed(meter, text, "application/json");
      return charged(meter.settle(done));
    };
    expect(huge(10 ** 9)).toEqual(["usage", 10 ** 9]);
    const create = () => price(chat, { model: "dear", messages }).meter;
    const meter = create();
    const told = { prompt_tokens: 2 ** 52, completion_tokens: 0 };
    feed(meter, JSON.stringify({ model: "dear", usage: told }), "application/json");
    expect(charged(meter.settle(done))).toEqual(["uncertain", -1]);
  });

  it("counts usage that is told twice once, and takes none back (70)", () => {
    const meter = price(chat, small).meter;
    const less = { ...last, usage: { prompt_tokens: 1, completion_tokens: 1 } };
    feed(meter, events(last, last, less));
    expect(charged(meter.settle(done))).toEqual(["usage", 60]);
  });

  it("counts thoughts that stand in the total alone", () => {
    const meter = price(chat, small).meter;
    feed(meter, events({ ...last, usage: { ...usage, total_tokens: 40 } }));
    expect(charged(meter.settle(done))).toEqual(["usage", 10 + 30 * 10]);
  });

  it("charges cached tokens at their own rates", () => {
    const meter = price(chat, { model: "cached", messages }).meter;
    const details = { cached_tokens: 4, cache_write_tokens: 3 };
    const told = { ...usage, prompt_tokens_details: details };
    feed(meter, events({ model: "cached", choices: [], usage: told }));
    expect(charged(meter.settle(done))).toEqual(["usage", 3 * 10 + 4 * 1 + 3 * 20 + 5 * 10]);
  });

  it("replaces Anthropic's counts, which are totals, and adds cached input", () => {
    const create = () => price("/v1/messages", small).meter;
    const { nanoUsd } = price("/v1/messages", small);
    const start = { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 };
    const stream = [
      { type: "message_start", message: { model: "small", usage: start } },
      { type: "content_block_delta", delta: { type: "text_delta", text: "hi" } },
      { type: "message_delta", usage: { output_tokens: 4 } },
      { type: "message_delta", usage: { output_tokens: 9 } },
    ];
    const whole = create();
    feed(whole, events(...stream, { type: "message_stop" }));
    expect(charged(whole.settle(gone))).toEqual(["usage", 15 + 9 * 10]);
    const interrupted = create();
    feed(interrupted, events(...stream));
    expect(charged(interrupted.settle(gone))).toEqual(["hold", nanoUsd]);
  });

  it("reads Gemini's streams, as events or as a list, and the responses API", () => {
    const path = "/v1beta/models/small:streamGenerateContent?alt=sse";
    const body = { contents: [{ parts: [{ text: "hi" }] }] };
    const chunk = (candidatesTokenCount: number) => ({
      modelVersion: "small",
      usageMetadata: { promptTokenCount: 3, candidatesTokenCount, thoughtsTokenCount: 2 },
    });
    const asEvents = price(path, body).meter;
    feed(asEvents, events(chunk(1), chunk(4)));
    expect(charged(asEvents.settle(done))).toEqual(["usage", 3 + 6 * 10]);
    const asList = price(path, body).meter;
    feed(asList, JSON.stringify([chunk(1), chunk(4)]), "application/json");
    expect(charged(asList.settle(done))).toEqual(["usage", 63]);

    const response = { model: "small", usage: { input_tokens: 2, output_tokens: 3 } };
    const responses = price("/v1/responses", { model: "small", input: "hi" }).meter;
    const created = { type: "response.created", response: { ...response, service_tier: "auto" } };
    feed(responses, events(created, { type: "response.completed", response }));
    expect(charged(responses.settle(gone))).toEqual(["usage", 2 + 30]);
  });

  it("charges the dearer of two models where the answer is another's (71)", () => {
    const meter = price(chat, small).meter;
    feed(meter, events({ ...last, model: "dear" }));
    expect(charged(meter.settle(done))).toEqual(["usage", 60_000]);
    const cheaper = price(chat, { ...small, model: "dear" }).meter;
    feed(cheaper, events(last));
    expect(charged(cheaper.settle(done))).toEqual(["usage", 60_000]);
  });

  it("leaves the charge open where model or tier of the answer have no known price (71)", () => {
    const model = price(chat, small).meter;
    feed(model, events({ ...last, model: "unheard" }));
    expect(charged(model.settle(done))).toEqual(["uncertain", -1]);
    const tier = price(chat, small).meter;
    feed(tier, events({ ...last, service_tier: "priority" }));
    expect(charged(tier.settle(done))).toEqual(["uncertain", -1]);
    const known = price(chat, small).meter;
    feed(known, events({ ...last, service_tier: "default" }));
    expect(charged(known.settle(done))).toEqual(["usage", 60]);
  });

  it("charges no tokens for what was turned away, and the request for what was turned down", () => {
    const refused = (status: number) => {
      const create = () => price(chat, small).meter;
      const { nanoUsd, tokens } = price(chat, small);
      const meter = create();
      meter.onHead("application/json");
      meter.onChunk(Buffer.from('{"error":{}}'));
      return [charged(meter.settle({ ...done, status })), nanoUsd, tokens?.inputTokensMax] as const;
    };
    expect(refused(429)[0]).toEqual(["price", 0]);
    expect(refused(401)[0]).toEqual(["price", 0]);
    const [turnedDown, , input] = refused(400);
    expect(turnedDown).toEqual(["price", input]);
    const [broken, nanoUsd] = refused(503);
    expect(broken).toEqual(["hold", nanoUsd]);
  });

  it("cuts a stream that says it has become dearer than was reserved", () => {
    const meter = price(chat, small).meter;
    const dear = { ...last, usage: { prompt_tokens: 10, completion_tokens: 10_000 } };
    expect(feed(meter, events(spoken, dear, spoken))).toBe("cut");
    expect(charged(meter.settle(gone))).toEqual(["usage", 10 + 100_000]);
  });

  it("cuts a stream of more text than the tokens that were allowed can hold (72)", () => {
    const create = () => price(chat, small).meter;
    const { nanoUsd } = price(chat, small);
    const meter = create();
    const content = "x".repeat(100 * pricingLimits.tokenBytesMax);
    const flood = { model: "small", choices: [{ delta: { content } }] };
    expect(feed(meter, events(flood), sse, 4096)).toBe("continue");
    expect(feed(meter, events(spoken), sse, 4096)).toBe("cut");
    expect(charged(meter.settle(gone))).toEqual(["hold", nanoUsd]);
  });

  it("keeps no line or event that is too long, and reads the next one", () => {
    const meter = price(chat, small).meter;
    const long = `data: ${"x".repeat(pricingLimits.eventBytesMax)}\n\n`;
    expect(feed(meter, long + events(last), sse, 65_536)).toBe("continue");
    expect(charged(meter.settle(done))).toEqual(["usage", 60]);
  });

  it("believes no usage in an answer that is no JSON", () => {
    const create = () => price(chat, small).meter;
    const { nanoUsd } = price(chat, small);
    for (const text of ["<html>", '{"usage":', '"usage"', "[1]"]) {
      const meter = create();
      feed(meter, text, "application/json");
      expect(charged(meter.settle(done))).toEqual(["hold", nanoUsd]);
    }
  });
});

describe("the meter of any other answer", () => {
  const service = pricedService(
    { per_call: "0.00001 USD", per_gigabyte: { received: "1 USD" } },
    { response: "1000B" },
  );
  const request = requestOf("GET", "/a", "");

  it("charges its bytes once it is complete, and its longest before", () => {
    const whole = worstCase(service, request, now).meter;
    feed(whole, "x".repeat(100), "text/plain");
    expect(charged(whole.settle(done))).toEqual(["price", 10_100]);
    const broken = worstCase(service, request, now).meter;
    feed(broken, "x".repeat(100), "text/plain");
    expect(charged(broken.settle(gone))).toEqual(["hold", 11_000]);
  });

  it("cuts it where it is longer than was reserved", () => {
    const meter = worstCase(service, request, now).meter;
    expect(feed(meter, "x".repeat(1_001), "text/plain", 1_001)).toBe("cut");
  });
});
