/**
 * RFC 8785 canonical JSON. ECMAScript's own serialisation of strings and numbers is the one that the
 * RFC prescribes; what is left to do is the order of keys (by UTF-16 code units, which is what
 * `sort` compares) and the refusal of what JSON cannot carry. Throws a TypeError for those.
 */
export function canonicalJson(value: unknown): string {
  switch (typeof value) {
    case "string":
      return canonicalString(value);
    case "boolean":
      return value ? "true" : "false";
    case "number":
      if (Number.isFinite(value)) return String(value);
      break;
    case "object":
      if (value === null) return "null";
      return Array.isArray(value) ? canonicalArray(value) : canonicalObject(value);
  }
  throw new TypeError(`JSON cannot carry ${typeof value} ${String(value)}`);
}

/** What the text says; undefined when it is not the one canonical form of that. */
export function parseCanonicalJson(text: string): unknown {
  try {
    const value = JSON.parse(text) as unknown;
    return canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

// Every entry of the log passes through here, so these build one text and no lists of pieces.

function canonicalArray(items: readonly unknown[]): string {
  let text = "[";
  for (let at = 0; at < items.length; at++) {
    const item = canonicalJson(items[at]);
    // Reading it lets go of the pieces, which V8 keeps beside one another until a text is read.
    item.charCodeAt(0);
    text += at === 0 ? item : `,${item}`;
  }
  return `${text}]`;
}

function canonicalObject(value: object): string {
  let text = "{";
  for (const key of sorted(Object.keys(value))) {
    const member = (value as Readonly<Record<string, unknown>>)[key];
    if (member === undefined) continue;
    if (text.length > 1) text += ",";
    // One after the other: a text of both would be one more piece.
    text += canonicalKey(key);
    text += canonicalJson(member);
  }
  return `${text}}`;
}

/** The same few names stand in every entry, and are made only once. */
function canonicalKey(key: string): string {
  const known = knownKeys.get(key);
  if (known !== undefined) return known;
  const made = `${canonicalString(key)}:`;
  if (knownKeys.size < knownKeysMax && key.length <= knownKeyLengthMax) knownKeys.set(key, made);
  return made;
}

const knownKeys = new Map<string, string>();
const knownKeysMax = 1000;
const knownKeyLengthMax = 64;

/** In place, by insertion: faster than `sort` for the few keys that objects have. */
function sorted(keys: string[]): string[] {
  if (keys.length > insertedMax) return keys.sort();
  for (let end = 1; end < keys.length; end++) {
    const key = keys[end] as string;
    let at = end;
    for (; at > 0 && (keys[at - 1] as string) > key; at--) keys[at] = keys[at - 1] as string;
    keys[at] = key;
  }
  return keys;
}

const insertedMax = 16;

function canonicalString(text: string): string {
  if (plain.test(text)) return `"${text}"`;
  if (loneSurrogate.test(text)) throw new TypeError("a string holds half a surrogate pair");
  return JSON.stringify(text);
}

/** Names, numbers and ids, which are most of what is written: printable, nothing to escape. */
const plain = /^[ !#-[\]-~]*$/;

/** With the `u` flag a well-formed pair is one code point outside this range. */
const loneSurrogate = /[\ud800-\udfff]/u;
