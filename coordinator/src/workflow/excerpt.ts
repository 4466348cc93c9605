import { neutralise } from "@cohort/proto/text";

/**
 * The line of a problem with a caret below its column, from 1: for a terminal, so wide characters get
 * a wide space, and what is not seen is shown. Of a long line only what is near.
 */
export function excerptOf(line: string, column: number): string {
  const at = column - 1;
  const from = at <= widthMax / 2 ? 0 : at - widthMax / 2;
  const near = line.slice(from, from + widthMax);
  const before = shown((from > 0 ? "…" : "") + near.slice(0, at - from));
  const after = shown(near.slice(at - from)) + (from + widthMax < line.length ? "…" : "");
  return `${`${before}${after}`.trimEnd()}\n${spaces(before)}^`;
}

/** UTF-16 units of a line that an excerpt shows. */
const widthMax = 120;

function shown(text: string): string {
  return neutralise(text.replaceAll("\t", " "));
}

/** As wide as the text: an ideographic space is as wide as an ideograph in any font that has both. */
function spaces(text: string): string {
  return [...text]
    .map((character) => {
      if (mark.test(character)) return "";
      return wide.test(character) ? "\u3000" : " ";
    })
    .join("");
}

const mark = /[\p{Mn}\p{Me}]/u;
const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\u3000-\u303f\uff01-\uff60]/u;
