import fc from "fast-check";
import emoji from "unicode-emoji-json/data-by-emoji.json" with { type: "json" };
import { describe, expect, it } from "vitest";
import { TextCleaner } from "../../src/text/cleaner.ts";
import { cleanText } from "../../src/text.ts";

describe("TextCleaner", () => {
  it("gives the same however the text was cut, also within a character (97)", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...pieces), { maxLength: 30 }),
        fc.infiniteStream(cut),
        (all, cuts) => {
          const text = all.join("");
          const cleaner = new TextCleaner();
          let out = "";
          for (let at = 0; at < text.length; ) {
            const length = cuts.next().value as number;
            out += cleaner.push(text.slice(at, at + length));
            at += length;
          }
          expect(out + cleaner.end()).toBe(cleanText(text));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  it("holds back no more than a sequence of emoji, whatever follows", () => {
    const cleaner = new TextCleaner();
    const text = `س\u200c${"\u064b".repeat(10_000)}👩${"\u200d\ufe0f".repeat(10_000)}`;
    expect(cleaner.push(text)).toBe(`س${"\u064b".repeat(10_000)}`);
    expect(cleaner.end()).toBe("👩");
  });
});

describe("emoji of Unicode's list", () => {
  const all = Object.keys(emoji);

  it("are all left as they are", () => {
    expect(all.length).toBeGreaterThan(1_800);
    expect(all.filter((it) => cleanText(it) !== it)).toEqual([]);
    expect(cleanText(all.join(" "))).toBe(all.join(" "));
  });

  it("come out of their spellings without selectors as of those with them", () => {
    const sequences = all.filter((it) => /[\u200d\u20e3]/.test(it));
    const bare = (it: string) => it.replaceAll("\ufe0f", "");
    expect(sequences.filter((it) => cleanText(bare(it)) !== it)).toEqual([]);
  });

  it("are left with each skin tone that they take", () => {
    const toned = all
      .filter((it) => emoji[it as keyof typeof emoji].skin_tone_support)
      .map((it) => it.replace(/(\p{Emoji_Modifier_Base})\ufe0f?/gu, "$1🏽"));
    expect(toned.length).toBeGreaterThan(200);
    expect(toned.filter((it) => cleanText(it) !== it)).toEqual([]);
  });
});

const cut = fc.integer({ min: 1, max: 4 });
const pieces = [
  ..."a1 س❤👩⚕क्षد🏴☠🏳🌈🏽©\u20e3\u064bᠠᠨ\u180b\u180e",
  ..."\u200c\u200d\ufe0f\ufe0e\u202e\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e007f}\u{e0100}\r\n\u001b",
  "\ud83d",
  "\udc69",
  "\u{e0067}\u{e0062}\u{e0065}\u{e006e}\u{e0067}\u{e007f}",
];
