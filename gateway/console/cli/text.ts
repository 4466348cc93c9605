/**
 * Text from outside (step output, names, error messages) may hold escape sequences that move the
 * cursor, retitle the window, or reorder what is read. Before any of it reaches a terminal, whatever
 * is not plainly visible becomes visible: control characters, format characters (bidirectional
 * overrides, zero-width and tag characters), separators, halves of surrogate pairs, and the
 * variation selectors that carry hidden bytes.
 */
export function neutralise(text: string): string {
  return text.replace(unsafe, (character) => {
    const code = character.codePointAt(0) as number;
    return code <= 0xff ? `\\x${hex(code, 2)}` : `\\u{${hex(code, 4)}}`;
  });
}

/** For text whose own line breaks and tabs are to be kept. */
export function neutraliseLines(text: string): string {
  return text
    .replaceAll("\r\n", "\n")
    .split("\n")
    .map((line) => line.split("\t").map(neutralise).join("    "))
    .join("\n");
}

/** JSON that means the same and holds no character that a terminal would act on. */
export function terminalJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, null, indent).replace(unsafeInJson, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${hex(character.charCodeAt(at), 4)}`)
      .join(""),
  );
}

/** Cut to a width, with a mark that it was. */
export function shorten(text: string, width: number): string {
  const characters = [...text];
  return characters.length <= width ? text : `${characters.slice(0, width - 1).join("")}…`;
}

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|[\u{e0100}-\u{e01ef}]/gu;
/** JSON.stringify has escaped what lies below U+0020, except the line breaks that it set itself. */
const unsafeInJson = /[\x7f-\x9f\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|[\u{e0100}-\u{e01ef}]/gu;

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}
