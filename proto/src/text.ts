/**
 * Text from outside (step output, names, error messages) may hold escape sequences that move the
 * cursor, retitle the window, or reorder what is read. Before any of it is shown, whatever is
 * not plainly visible becomes visible: control characters, format characters (bidirectional
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

const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]|[\u{e0100}-\u{e01ef}]/gu;

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}
