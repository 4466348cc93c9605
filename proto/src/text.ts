import { TextCleaner } from "./text/cleaner.ts";

/**
 * The function that text from outside passes on its way to a model, a log, a terminal or a page. What
 * nobody sees and a machine reads is taken out: control and bidirectional characters, tags,
 * zero-width characters, variation selectors. Joiners and selectors stay where they change what is
 * seen. Tabs and line feeds stay; what is no character becomes U+FFFD. What is clean comes back as
 * it is.
 */
export function cleanText(text: string): string {
  if (plain.test(text)) return text;
  const cleaner = new TextCleaner();
  return cleaner.push(text) + cleaner.end();
}

/** Every text of a JSON value, its keys included. */
export function cleanValue(value: unknown): unknown {
  if (typeof value === "string") return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanValue);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, it]) => [cleanText(key), cleanValue(it)]),
  );
}

/**
 * For a person who is to see that something was hidden: on a terminal, in what one approves. Words
 * that are clean stay as they are; of others, what `cleanText` would take out becomes visible, with
 * line breaks and tabs.
 */
export function neutralise(text: string): string {
  if (plainLine.test(text)) return text;
  return text
    .split(" ")
    .map((word) => (cleanText(word) === word && !/[\t\n]/.test(word) ? word : showHidden(word)))
    .join(" ");
}

/** For text whose own line breaks and tabs are to be kept. */
export function neutraliseLines(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => line.split("\t").map(neutralise).join("    "))
    .join("\n");
}

/** What a program writes to a terminal; its own colours stay. The last net below `neutralise`. */
export function cleanTerminal(text: string): string {
  return text
    .split(colour)
    .map((piece) => (colourAlone.test(piece) ? piece : cleanText(piece)))
    .join("");
}

const plain = /^[\t\n -~]*$/;
const plainLine = /^[ -~]*$/;
const colour = /(\u001b\[[0-9;]*m)/;
const colourAlone = /^\u001b\[[0-9;]*m$/;

const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Noncharacter_Code_Point}]|\p{DI}/gu;

function showHidden(text: string): string {
  return text.replace(hidden, (character) => {
    const code = character.codePointAt(0) as number;
    return code <= 0xff ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`;
  });
}

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}
