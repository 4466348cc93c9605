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

/**
 * JSON.stringify has escaped what lies below U+0020, except the line breaks that it set itself. Of
 * what is left, all that `cleanText` would change, so that a terminal shows the JSON as it is.
 */
const unsafeInJson =
  /[\x7f-\x9f\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{DI}\p{Noncharacter_Code_Point}]|\u20e3/gu;

function hex(code: number, width: number): string {
  return code.toString(16).padStart(width, "0");
}
