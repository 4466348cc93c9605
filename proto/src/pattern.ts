import { RE2JS, RE2JSSyntaxException } from "re2js";

/**
 * A regular expression of RE2, which takes linear time whatever pattern and text are; null where the
 * pattern is none. https://github.com/google/re2/wiki/Syntax
 */
export function compilePattern(pattern: string): Pattern | null {
  try {
    const compiled = RE2JS.compile(pattern);
    return {
      replaceAll: (text, by) => compiled.matcher(text).replaceAll(by.replace(/[$\\]/g, "\\$&")),
    };
  } catch (error) {
    if (error instanceof RE2JSSyntaxException) return null;
    throw error;
  }
}

export interface Pattern {
  /** `by` stands as it is. */
  replaceAll(text: string, by: string): string;
}
