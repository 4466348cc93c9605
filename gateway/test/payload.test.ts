import { limits as shared } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { parsePayload } from "../src/events/payload.ts";

const bytes = (text: string) => Buffer.from(text);

describe("parsePayload", () => {
  it.each(["{}", "4.5", '"text"', "null", '{"rms":4.7}', " [1] "])("accepts %j", (text) => {
    expect(parsePayload("t", bytes(text))).toEqual({ ok: true, value: JSON.parse(text) });
  });

  it("keeps __proto__ as a key like any other", () => {
    const payload = parsePayload("t", bytes('{"__proto__":{"admin":true}}'));
    expect(payload).toMatchObject({ ok: true });
    expect(({} as { admin?: boolean }).admin).toBeUndefined();
  });

  it.each([
    ["nothing", bytes("")],
    ["text", bytes("hello")],
    ["half of an object", bytes('{"a":')],
    ["two values", bytes("1 2")],
    ["a byte order mark", bytes("\ufeff{}")],
    ["overlong UTF-8", Buffer.of(0x22, 0xc0, 0xaf, 0x22)],
    ["a lone continuation byte", Buffer.of(0x22, 0x80, 0x22)],
    ["a surrogate in UTF-8", Buffer.of(0x22, 0xed, 0xa0, 0x80, 0x22)],
    ["too many bytes", bytes(`"${"x".repeat(shared.eventBytesMax)}"`)],
    ["nesting that recursion would not survive", bytes("[".repeat(100_000) + "]".repeat(100_000))],
    [
      "nesting one beyond the limit",
      bytes("[".repeat(shared.payloadDepthMax + 2) + "]".repeat(shared.payloadDepthMax + 2)),
    ],
  ])("refuses %s, names the topic and gives a hint", (_, payload) => {
    expect(parsePayload("factory/1", payload)).toMatchObject({
      ok: false,
      problem: {
        code: "EVENT_PAYLOAD_INVALID",
        message: expect.stringContaining("factory/1"),
        hint: expect.stringMatching(/./),
      },
    });
  });
});
