/**
 * Whether UTF-8 is the text of an object in canonical JSON beyond doubt: what entries nearly always are.
 * False where that takes a closer look (`parseCanonicalJson`), be it canonical or not. It reads the
 * bytes once and makes nothing of them, in a small part of the time of parsing and writing them again.
 * `onMember` is told of each member of that object from where to where its key, without quotes, and its
 * value stand. The bytes must be well-formed UTF-8.
 */
export function isSurelyCanonical(text: Uint8Array, onMember: OnMember): boolean {
  return text[0] === openBrace && scanObject(text, 0, 0, onMember) === text.length;
}

export type OnMember = (key: number, keyEnd: number, value: number, end: number) => void;

// Each of these is given where something begins, and gives where it ends, or `doubt`.

function scanValue(text: Uint8Array, at: number, depth: number): number {
  const first = text[at] as number;
  if (first === quote) return scanString(text, at);
  if (first === openBrace) return scanObject(text, at, depth, null);
  if (first === openBracket) return scanArray(text, at, depth);
  if (first === minus || isDigit(first)) return scanInteger(text, at);
  const word = words.find((it) => isAt(text, at, it));
  return word === undefined ? doubt : at + word.length;
}

/** Keys in the order of their code units, in ASCII without escapes, each once. */
function scanObject(
  text: Uint8Array,
  from: number,
  depth: number,
  onMember: OnMember | null,
): number {
  if (depth > depthMax) return doubt;
  if (text[from + 1] === closeBrace) return from + 2;
  let last = 0;
  let lastEnd = 0;
  for (let at = from + 1; ; at += 1) {
    const key = at + 1;
    const keyEnd = text[at] === quote ? keyEndOf(text, key) : doubt;
    if (keyEnd === doubt || text[keyEnd + 1] !== colon) return doubt;
    if (lastEnd > 0 && !isBefore(text, last, lastEnd, key, keyEnd)) return doubt;
    [last, lastEnd] = [key, keyEnd];
    const value = keyEnd + 2;
    at = scanValue(text, value, depth + 1);
    if (at === doubt) return doubt;
    onMember?.(key, keyEnd, value, at);
    if (text[at] === closeBrace) return at + 1;
    if (text[at] !== comma) return doubt;
  }
}

function keyEndOf(text: Uint8Array, key: number): number {
  let at = key;
  for (; at < text.length; at++) {
    const it = text[at] as number;
    if (it === quote) break;
    if (it < space || it === backslash || it > asciiLast) return doubt;
  }
  return at === key || at === text.length ? doubt : at;
}

function isBefore(
  text: Uint8Array,
  one: number,
  oneEnd: number,
  other: number,
  otherEnd: number,
): boolean {
  const length = Math.min(oneEnd - one, otherEnd - other);
  for (let at = 0; at < length; at++) {
    const difference = (text[one + at] as number) - (text[other + at] as number);
    if (difference !== 0) return difference < 0;
  }
  return oneEnd - one < otherEnd - other;
}

function scanArray(text: Uint8Array, from: number, depth: number): number {
  if (depth > depthMax) return doubt;
  if (text[from + 1] === closeBracket) return from + 2;
  for (let at = from + 1; ; at += 1) {
    at = scanValue(text, at, depth + 1);
    if (at === doubt) return doubt;
    if (text[at] === closeBracket) return at + 1;
    if (text[at] !== comma) return doubt;
  }
}

/** Escapes as ECMAScript writes them, and no other. */
function scanString(text: Uint8Array, from: number): number {
  for (let at = from + 1; at < text.length; at++) {
    const it = text[at] as number;
    if (it === quote) return at + 1;
    if (it < space) return doubt;
    if (it !== backslash) continue;
    const length = escapeLength(text, at);
    if (length === 0) return doubt;
    at += length - 1;
  }
  return doubt;
}

/** A control character has its short form where there is one, and else \u00 and two small digits. */
function escapeLength(text: Uint8Array, at: number): number {
  const it = text[at + 1] as number;
  if (shortEscapes.includes(it)) return 2;
  const six = String.fromCharCode(...text.subarray(at, at + 6));
  return /^\\u00(?:0[0-7bef]|1[0-9a-f])$/.test(six) ? 6 : 0;
}

/** Of at most fifteen digits: fractions and larger numbers are rare. */
function scanInteger(text: Uint8Array, from: number): number {
  const start = text[from] === minus ? from + 1 : from;
  let at = start;
  while (isDigit(text[at] as number)) at += 1;
  const digits = at - start;
  if (digits === 0 || digits > 15) return doubt;
  if (text[start] === zero && (digits > 1 || start > from)) return doubt;
  const next = text[at];
  return next === point || next === exponent || next === largeExponent ? doubt : at;
}

/** Whether the bytes from there on are these. */
export function isAt(text: Uint8Array, at: number, wanted: Uint8Array): boolean {
  for (let place = 0; place < wanted.length; place++) {
    if (text[at + place] !== wanted[place]) return false;
  }
  return true;
}

function isDigit(it: number): boolean {
  return it >= zero && it <= zero + 9;
}

const doubt = -1;
const depthMax = 64;
const [quote, comma, minus, zero, colon, backslash, space] = [34, 44, 45, 48, 58, 92, 32];
const [openBracket, closeBracket, openBrace, closeBrace] = [91, 93, 123, 125];
const [point, exponent, largeExponent, asciiLast] = [46, 101, 69, 126];
const utf8 = new TextEncoder();
const words = ["true", "false", "null"].map((word) => utf8.encode(word));
const shortEscapes = utf8.encode('"\\bfnrt');
