import { cleanText } from "@cohort/proto/text";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { formatTable } from "../console/cli/table.ts";
import { shorten, terminalJson } from "../console/cli/text.ts";

/** What a terminal would act on, or a reader would not see. */
const dangerous = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|[\u{e0100}-\u{e01ef}]/u;
const anyText = fc.string({ unit: "binary", maxLength: 50 });

describe("terminalJson", () => {
  it("means the same and holds nothing that a terminal would act on", () => {
    fc.assert(
      fc.property(fc.dictionary(anyText, anyText), (value) => {
        const text = terminalJson(value);
        expect(text).not.toMatch(dangerous);
        expect(JSON.parse(text)).toEqual(value);
        expect(cleanText(text)).toBe(text);
      }),
    );
  });
});

describe("formatTable", () => {
  it("aligns columns by what is shown, not by what was given", () => {
    expect(
      formatTable(
        ["A", "B"],
        [
          ["\u001b", "x"],
          ["long name", "y"],
        ],
      ),
    ).toBe("A          B\n\\x1b       x\nlong name  y");
  });
});

describe("shorten", () => {
  it("cuts between characters and marks the cut", () => {
    expect(shorten("😀😀😀", 2)).toBe("😀…");
    expect(shorten("abc", 3)).toBe("abc");
  });
});
