/**
 * RFC 8785 canonical JSON. ECMAScript's own serialisation of strings and numbers is the one that the
 * RFC prescribes; what is left to do is the order of keys (by UTF-16 code units, which is what
 * `sort` compares) and the refusal of what JSON cannot carry. Throws a TypeError for those.
 */
export function canonicalJson(value: unknown): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "number" && Number.isFinite(value)) return JSON.stringify(value);
  if (typeof value === "string") return canonicalString(value);
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object") {
    const members = Object.entries(value)
      .filter(([, member]) => member !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, member]) => `${canonicalString(key)}:${canonicalJson(member)}`);
    return `{${members.join(",")}}`;
  }
  throw new TypeError(`JSON cannot carry ${typeof value} ${String(value)}`);
}

/** Whether the text is the one canonical form of what it says. */
export function isCanonicalJson(text: string): boolean {
  try {
    return canonicalJson(JSON.parse(text)) === text;
  } catch {
    return false;
  }
}

function canonicalString(text: string): string {
  if (loneSurrogate.test(text)) throw new TypeError("a string holds half a surrogate pair");
  return JSON.stringify(text);
}

/** With the `u` flag a well-formed pair is one code point outside this range. */
const loneSurrogate = /[\ud800-\udfff]/u;
