import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cleanTerminal, cleanText, cleanValue, neutralise, neutraliseLines } from "../src/text.ts";

/** What a terminal would act on. */
const dangerous = /[\p{Cc}\p{Bidi_Control}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|[\u{e0100}-\u{e01ef}]/u;
const anyText = fc.string({ unit: "binary", maxLength: 50 });

describe("cleanText", () => {
  it.each([
    ["tag-block characters (90)", "ok\u{e0001}\u{e0069}\u{e0067}\u{e006e}\u{e007f}"],
    ["bidi overrides and isolates (91)", "\u202eo\u2066k\u2069\u061c\u200f\u202c"],
    ["a channel of ZWJ and ZWNJ (92)", "o\u200d\u200c\u200c\u200dk\u200b\u2060\ufeff"],
    ["variation selectors (93)", "o\ufe00\ufe0f\u{e0100}k\u{e01ef}\u180b"],
    ["fillers and joiners that nobody sees", "o\u034f\u115f\u3164\uffa0k\u00ad\u17b4\u{1d173}"],
    ["control characters", "o\u0000\u001bk\u007f\u009b\r"],
  ])("takes out %s", (_, text) => {
    expect(cleanText(text)).toBe("ok");
  });

  it.each([
    "line\n\ttab",
    "Grüße €5 © ™ 日本語",
    "a\u0301",
    "می\u200cخواهم",
    "क्\u200dष क्\u200cष",
    "ശ്രീ ന്\u200d",
    "👩\u200d⚕\ufe0f",
    "👨🏽\u200d🚀",
    "👩\u200d❤\ufe0f\u200d💋\u200d👨",
    "🏳\ufe0f\u200d🌈",
    "❤\ufe0f ❤ ⌚\ufe0e ⌚",
    "1\ufe0f\u20e3 #\ufe0f\u20e3",
    "🇪🇺🇩🇪",
    "🏴\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}",
    "ᠠ\u180b ᠨ\u180eᠠ",
    "\u06dd١",
  ])("leaves %j as it is", (text) => {
    expect(cleanText(text)).toBe(text);
  });

  it.each([
    ["emoji that make no sequence", "😀\u200d😀", "😀😀"],
    ["a selector that changes nothing", "😀\ufe0f1\ufe0f❤\ufe0e👩🏽\ufe0f", "😀1❤👩🏽"],
    ["tags of no country that is shown", "🏴\u{e0075}\u{e0073}\u{e007f}", "🏴"],
    ["joiners beyond the first", "👩\u200d\u200d\u200c⚕\ufe0f", "👩\u200d⚕\ufe0f"],
    ["a joiner between letters that join anyway", "س\u200dس", "سس"],
    ["a non-joiner after a letter that joins with nothing", "د\u200cد", "دد"],
    ["a non-joiner at the end of a word", "س\u200c ", "س "],
    ["a second joiner after a virama", "क्\u200d\u200c\u200dष", "क्\u200dष"],
  ])("takes %s for nothing", (_, text, clean) => {
    expect(cleanText(text)).toBe(clean);
  });

  it("makes the same of a sequence with and without its selectors", () => {
    expect(cleanText("👁\u200d🗨")).toBe("👁\ufe0f\u200d🗨\ufe0f");
    expect(cleanText("1\u20e3")).toBe("1\ufe0f\u20e3");
  });

  it("shows what is no character as U+FFFD: lone surrogates (95), private use, noncharacters", () => {
    expect(cleanText("a\ud800b\udc00\ue000\uffff\ufdd0")).toBe("a\ufffdb\ufffd\ufffd\ufffd\ufffd");
  });

  it("leaves no line break but U+000A", () => {
    expect(cleanText("a\r\nb\rc\u2028d\u2029e\u0085f\u000bg")).toBe("a\nbc d efg");
  });

  it("changes what it has cleaned no more, and leaves nothing that a terminal would act on", () => {
    fc.assert(
      fc.property(hostileText, (text) => {
        const clean = cleanText(text);
        expect(cleanText(clean)).toBe(clean);
        expect(clean.replace(/[\t\n]/g, "")).not.toMatch(dangerous);
      }),
      { numRuns: 2_000 },
    );
  });

  it("carries nothing that nobody sees: whatever is hidden in a text, it comes out the same", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.constantFrom(...seen), hiddenText)), (pieces) => {
        const whole = pieces.map(([character, hidden]) => character + hidden).join("");
        expect(cleanText(whole)).toBe(pieces.map(([character]) => character).join(""));
      }),
      { numRuns: 1_000 },
    );
  });

  it("carries, where an invisible character changes what is seen, that one alone", () => {
    for (const [before, after] of [
      ["س", "س"],
      ["क्", "ष"],
      ["👩", "⚕"],
      ["ᠠ", "ᠨ"],
      ["❤", "a"],
    ]) {
      const results = new Set<string>();
      fc.assert(
        fc.property(hiddenText, (hidden) => {
          results.add(cleanText(`${before}${hidden}${after}`));
        }),
        { numRuns: 1_000 },
      );
      // Of Mongolian letters: two forms beside the plain one, each cut off from the next or not.
      expect(results.size).toBeLessThanOrEqual(before === "ᠠ" ? 6 : 3);
    }
  });
});

describe("cleanValue", () => {
  it("cleans the keys and texts of a JSON value", () => {
    expect(cleanValue({ "a\u200b": ["b\u202e", 1, null, { c: "\u{e0041}" }] })).toEqual({
      a: ["b", 1, null, { c: "" }],
    });
    expect(Object.keys(cleanValue(JSON.parse('{"__proto__":"x"}')) as object)).toEqual([
      "__proto__",
    ]);
  });
});

describe("neutralise", () => {
  it("leaves nothing that a terminal would act on, whatever it is given", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(neutralise(text)).not.toMatch(dangerous);
        expect(cleanText(neutralise(text))).toBe(neutralise(text));
      }),
    );
  });

  it.each(["plain", "Grüße €5", "日本語", "😀", "a\u0301", "👩\u200d⚕\ufe0f می\u200cخواهم"])(
    "leaves %j as it is",
    (text) => {
      expect(neutralise(text)).toBe(text);
    },
  );

  it.each([
    ["\u001b[31m", "\\x1b[31m"],
    ["\u009b31m", "\\x9b31m"],
    ["a\nb", "a\\x0ab"],
    ["\u202ecba", "\\u{202e}cba"],
    ["\u2066x\u2069", "\\u{2066}x\\u{2069}"],
    ["zero\u200bwidth", "zero\\u{200b}width"],
    ["\u{e0041}", "\\u{e0041}"],
    ["\u{e0100}", "\\u{e0100}"],
    ["a\ufe0f", "a\\u{fe0f}"],
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

describe("cleanTerminal", () => {
  it("keeps colours and nothing else that moves, clears or retitles", () => {
    expect(cleanTerminal("\u001b[32mok\u001b[0m\u001b[2J\u001b]0;x\u0007\u009b1A\n")).toBe(
      "\u001b[32mok\u001b[0m[2J]0;x1A\n",
    );
  });
});

/** Seen, and changed by nothing that is invisible. */
const seen = [..."aZ0 .é\u0301日한ж😀🍕🇪\n\t"];
const invisibles = [
  ..."\u00ad\u034f\u061c\u115f\u1160\u17b4\u180e\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060",
  ..."\u2062\u2066\u2069\u206f\u3164\ufe00\ufe0e\ufe0f\ufeff\uffa0\u180b\u180c\u180f\u0000\u001b\r",
  ..."\u{e0001}\u{e0020}\u{e0067}\u{e007f}\u{e0100}\u{e01ef}\u{1d173}\u{e0fff}\u007f\u009b",
];
const hiddenText = fc
  .array(fc.constantFrom(...invisibles), { maxLength: 6 })
  .map((all) => all.join(""));
const hostileText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...seen, ..."سدक्षᠠᠨ👩⚕❤🏴🏳🌈🏽🏻1⃣©", "\ud83d", "\udc00", "\u064b"),
      fc.constantFrom(...invisibles, "\u200d", "\u200c", "\ufe0f"),
      anyText,
    ),
    { maxLength: 25 },
  )
  .map((all) => all.join(""));
