import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { neutralise, neutraliseLines } from "../src/text.ts";

/** What a terminal would act on, or a reader would not see. */
const dangerous = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|[\u{e0100}-\u{e01ef}]/u;
const anyText = fc.string({ unit: "binary", maxLength: 50 });

describe("neutralise", () => {
  it("leaves nothing that a terminal would act on, whatever it is given", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(neutralise(text)).not.toMatch(dangerous);
      }),
    );
  });

  it.each(["plain", "Grüße €5", "日本語", "😀", "a\u0301"])("leaves %j as it is", (text) => {
    expect(neutralise(text)).toBe(text);
  });

  it.each([
    ["\u001b[31m", "\\x1b[31m"],
    ["\u009b31m", "\\x9b31m"],
    ["a\nb", "a\\x0ab"],
    ["\u202ecba", "\\u{202e}cba"],
    ["\u2066x\u2069", "\\u{2066}x\\u{2069}"],
    ["zero\u200bwidth", "zero\\u{200b}width"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\u{e0100}", "\\u{e0100}"],
    ["\ud800", "\\u{d800}"],
    ["\u2028", "\\u{2028}"],
    ["\u007f", "\\x7f"],
  ])("shows %j as %s", (text, shown) => {
    expect(neutralise(text)).toBe(shown);
  });
});

describe("neutraliseLines", () => {
  it("keeps line breaks and widens tabs", () => {
    expect(neutraliseLines("a\r\nb\tc\n\u001b")).toBe("a\nb    c\n\\x1b");
  });
});
