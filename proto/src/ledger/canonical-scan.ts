/**
 * The `seq` of an object in text that is canonical JSON beyond doubt: what entries nearly always are.
 * Undefined where that takes a closer look (`parseCanonicalJson`), be it canonical or not. It reads the
 * text once and makes nothing of it, in a tenth of the time of parsing it and writing it again.
 */
export function canonicalSeq(text: string): number | undefined {
  source = text;
  at = 0;
  seq = undefined;
  const isCanonical = code() === openBrace && scanObject(0) && at === source.length;
  source = "";
  return isCanonical ? seq : undefined;
}

let source = "";
let at = 0;
let seq: number | undefined;

function scanValue(depth: number): boolean {
  const first = code();
  if (first === quote) return scanString();
  if (first === openBrace) return scanObject(depth);
  if (first === openBracket) return scanArray(depth);
  if (first === minus || isDigit(first)) return scanInteger();
  const word = ["true", "false", "null"].find((it) => source.startsWith(it, at));
  at += word?.length ?? 0;
  return word !== undefined;
}

/** Keys in the order of their code units, without escapes, each once. */
function scanObject(depth: number): boolean {
  if (depth > depthMax) return false;
  at += 1;
  if (take(closeBrace)) return true;
  for (let last = ""; ; ) {
    const start = at + 1;
    if (code() !== quote || !scanString()) return false;
    const key = source.slice(start, at - 1);
    if (last !== "" && !(last < key)) return false;
    if (key === "" || key.includes("\\") || !take(colon)) return false;
    last = key;
    const from = at;
    if (!scanValue(depth + 1)) return false;
    if (depth === 0 && key === "seq") seq = Number(source.slice(from, at));
    if (take(closeBrace)) return true;
    if (!take(comma)) return false;
  }
}

function scanArray(depth: number): boolean {
  if (depth > depthMax) return false;
  at += 1;
  if (take(closeBracket)) return true;
  for (;;) {
    if (!scanValue(depth + 1)) return false;
    if (take(closeBracket)) return true;
    if (!take(comma)) return false;
  }
}

/** Escapes as ECMAScript writes them, and no other; surrogates are left to the closer look. */
function scanString(): boolean {
  for (at += 1; at < source.length; at++) {
    const it = code();
    if (it === quote) {
      at += 1;
      return true;
    }
    if (it < space || (it >= surrogateFirst && it <= surrogateLast)) return false;
    if (it !== backslash) continue;
    const length = escapeAt.test(source.slice(at, at + 6)) ? (source[at + 1] === "u" ? 6 : 2) : 0;
    if (length === 0) return false;
    at += length - 1;
  }
  return false;
}

const escapeAt = /^\\(?:["\\bfnrt]|u00(?:0[0-7bef]|1[0-9a-f]))/;

/** Of at most fifteen digits: fractions and larger numbers are rare. */
function scanInteger(): boolean {
  const isNegative = take(minus);
  const start = at;
  while (isDigit(code())) at += 1;
  const digits = at - start;
  if (digits === 0 || digits > 15) return false;
  if (source.charCodeAt(start) === zero && (digits > 1 || isNegative)) return false;
  return source[at] !== "." && source[at] !== "e" && source[at] !== "E";
}

function take(wanted: number): boolean {
  if (code() !== wanted) return false;
  at += 1;
  return true;
}

function code(): number {
  return source.charCodeAt(at);
}

function isDigit(it: number): boolean {
  return it >= zero && it <= zero + 9;
}

const depthMax = 64;
const [quote, comma, minus, zero, colon, backslash, space] = [34, 44, 45, 48, 58, 92, 32];
const [openBracket, closeBracket, openBrace, closeBrace] = [91, 93, 123, 125];
const [surrogateFirst, surrogateLast] = [0xd800, 0xdfff];
