// node generate-unicode.mjs UCD EMOJI: writes src/text/unicode.ts. UCD is a folder with the Unicode Character
// Database as Debian's unicode-data has it; EMOJI the data-by-emoji.json of npm's unicode-emoji-json, which is newer.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const [ucd = "", emoji = ""] = process.argv.slice(2);

/** @param {string} file @returns {[number, number, string][]} */
function properties(file) {
  return readFileSync(join(ucd, file), "utf8")
    .split("\n")
    .map((line) => /^([0-9A-F]+)(?:\.\.([0-9A-F]+))?\s*;\s*(\w+)/.exec(line))
    .filter((found) => found !== null)
    .map(([, first = "", last = first, value = ""]) => [
      Number.parseInt(first, 16),
      Number.parseInt(last, 16),
      value,
    ]);
}

/** Code points as gaps and lengths in base 36. @param {string} file @param {RegExp} values */
function ranges(file, values) {
  const found = properties(file).filter(([, , value]) => values.test(value));
  const sorted = found.sort(([a], [b]) => a - b);
  /** @type {[number, number][]} */
  const joined = [];
  for (const [first, last] of sorted) {
    const before = joined.at(-1);
    if (before !== undefined && before[1] + 1 === first) before[1] = last;
    else joined.push([first, last]);
  }
  let end = 0;
  const pieces = joined.map(([first, last]) => {
    const piece = `${(first - end).toString(36)},${(last - first).toString(36)}`;
    end = last;
    return piece;
  });
  return pieces.join(" ");
}

function joinedEmoji() {
  const all = Object.keys(JSON.parse(readFileSync(emoji, "utf8")));
  const plain = (/** @type {string} */ it) => it.replace(/[\u200d\ufe0f\u{1f3fb}-\u{1f3ff}]/gu, "");
  return [...new Set(all.filter((it) => it.includes("\u200d")).map(plain))].sort().join(" ");
}

function textStyles() {
  return readFileSync(join(ucd, "emoji/emoji-variation-sequences.txt"), "utf8")
    .split("\n")
    .map((line) => /^([0-9A-F]+) FE0E /.exec(line)?.[1])
    .filter((it) => it !== undefined)
    .map((it) => String.fromCodePoint(Number.parseInt(it, 16)))
    .filter((it) => /\p{Emoji_Presentation}/u.test(it))
    .join("");
}

function mongolian() {
  const sequences = readFileSync(join(ucd, "StandardizedVariants.txt"), "utf8").matchAll(
    /^([0-9A-F]{4}) (180[BCDF]);/gm,
  );
  return [...new Set([...sequences].map(([, base, selector]) => `${base}${selector}`))]
    .sort()
    .join(" ");
}

writeFileSync(
  join(import.meta.dirname, "src/text/unicode.ts"),
  `/** Made by generate-unicode.mjs of the Unicode Character Database; its ranges are gaps and lengths in base 36. */

/** Canonical_Combining_Class 9: viramas. */
export const viramas =
  "${ranges("extracted/DerivedCombiningClass.txt", /^9$/)}";

/** Joining_Type L or D: join with what follows them. */
export const joinsFollowing =
  "${ranges("extracted/DerivedJoiningType.txt", /^[LD]$/)}";

/** Joining_Type R or D: join with what comes before them. */
export const joinsPreceding =
  "${ranges("extracted/DerivedJoiningType.txt", /^[RD]$/)}";

/** RGI_Emoji_ZWJ_Sequence, without joiners, selectors and skin tones. */
export const joinedEmoji =
  "${joinedEmoji()}";

/** Shown in colour unless U+FE0E follows, which may: emoji-variation-sequences.txt. */
export const textStyles =
  "${textStyles()}";

/** Mongolian letters with the selectors that change their form: StandardizedVariants.txt. */
export const mongolianForms =
  "${mongolian()}";
`,
);
