/**
 * The escape of one byte that begins here, whether meant as such or not, as URLs (%41), JSON (\n,
 * \u0041) and HTML (&lt;, &#65;, &#x41;) have them, all at once, since nobody says which of them an
 * answer uses: its length times 256, and the character that it stands for. 0 when there is none.
 */
export function escapeAt(bytes: Buffer, at: number): number {
  switch (bytes[at]) {
    case percent:
      return hexEscape(bytes, at + 1, 3);
    case backslash:
      return backslashEscape(bytes, at);
    case ampersand:
      return bytes[at + 1] === hash ? numberEscape(bytes, at + 2) : namedEscape(bytes, at + 1);
    default:
      return 0;
  }
}

/** The longest: "&#" and six zeros before three digits and ";", or the same in hex. */
const escapeBytesMax = 12;

export function isMark(byte: number): boolean {
  return markTable[byte] === 1;
}

/** Where escapes stand in a text, whether meant as such or not; one may begin within another. */
export function escapesIn(bytes: Buffer): number[] {
  const found: number[] = [];
  const places = marks.map((mark) => placeOf(bytes, mark, 0));
  for (let from = 0; from < bytes.length; ) {
    const at = nextMark(bytes, from, places);
    if (at < bytes.length && escapeAt(bytes, at) !== 0) found.push(at);
    from = at + 1;
  }
  return found;
}

/** `places`: of each mark the first one behind what has been looked at, far faster than by each byte. */
function nextMark(bytes: Buffer, from: number, places: number[]): number {
  const near = Math.min(from + nearBytes, bytes.length);
  for (let at = from; at < near; at += 1) {
    if (isMark(bytes[at] as number)) return at;
  }
  for (const [index, place] of places.entries()) {
    if (place < near) places[index] = placeOf(bytes, marks[index] as number, near);
  }
  return Math.min(...places);
}

function placeOf(bytes: Buffer, mark: number, from: number): number {
  const at = bytes.indexOf(mark, from);
  return at === -1 ? bytes.length : at;
}

/** As many are sooner looked at one by one. */
const nearBytes = 32;

/** Where an escape begins that the end of the text cuts off; the length where none does. */
export function cutOffAt(bytes: Buffer): number {
  const from = Math.max(0, bytes.length - escapeBytesMax + 1);
  const match = beginningOfEscape.exec(bytes.toString("latin1", from));
  return match === null ? bytes.length : from + match.index;
}

/** A text without its escapes, and where each byte of it began in the original. */
export interface Unescaped {
  readonly plain: Buffer;
  /** Whether a byte that was escaped is part of an escape again, or may become one. */
  readonly isNested: boolean;
  readonly origin: (at: number) => number;
}

/** Null when there is no escape in it; `escapes` is where they stand. */
export function unescaped(bytes: Buffer, escapes = escapesIn(bytes)): Unescaped | null {
  if (escapes.length === 0) return null;
  const all = Buffer.allocUnsafe(bytes.length);
  /** Each escape: where its byte stands in the plain text, and where what follows it began. */
  const plainAt: number[] = [];
  const after: number[] = [];
  let length = 0;
  let copied = 0;
  for (const at of escapes) {
    if (at < copied) continue;
    for (; copied < at; copied += 1) all[length++] = bytes[copied] as number;
    const found = escapeAt(bytes, at);
    all[length++] = found & 0xff;
    copied = at + (found >> 8);
    plainAt.push(length);
    after.push(copied);
  }
  length += bytes.copy(all, length, copied);
  const plain = all.subarray(0, length);
  const origin = (position: number) => {
    const index = lastAtMost(plainAt, position);
    if (index === -1) return position;
    return (after[index] as number) + position - (plainAt[index] as number);
  };
  return { plain, origin, isNested: isNested(plain, plainAt) };
}

/** `plainAt`: behind each byte that was escaped. */
function isNested(plain: Buffer, plainAt: readonly number[]): boolean {
  const cutOff = cutOffAt(plain);
  for (const end of plainAt) {
    if (end > cutOff) return true;
    for (let at = Math.max(0, end - escapeBytesMax); at < end; at += 1) {
      if (isMark(plain[at] as number) && at + (escapeAt(plain, at) >> 8) >= end) return true;
    }
  }
  return false;
}

const [percent, backslash, ampersand, hash, zero, semicolon, u] = Buffer.from(
  "%\\&#0;u",
) as unknown as [number, number, number, number, number, number, number];

const marks: readonly number[] = [percent, backslash, ampersand];
const markTable = Uint8Array.from({ length: 256 }, (_, byte) => (marks.includes(byte) ? 1 : 0));

/** By character: the value of the hexadecimal digit, 255 for none. */
const digits = new Uint8Array(256).fill(255);
for (const [value, digit] of [..."0123456789abcdef"].entries()) {
  digits[digit.charCodeAt(0)] = value;
  digits[digit.toUpperCase().charCodeAt(0)] = value;
}

/** By character behind a backslash: what it stands for, 0 for nothing. */
const behindBackslash = new Uint8Array(256);
for (const same of `\\"'/`) behindBackslash[same.charCodeAt(0)] = same.charCodeAt(0);
for (const [name, value] of Object.entries({ b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  behindBackslash[name.charCodeAt(0)] = value;
}

const named = Object.entries({ amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" }).map(
  ([name, character]) => ({ text: Buffer.from(`${name};`), value: character.charCodeAt(0) }),
);

function hexEscape(bytes: Buffer, at: number, size: number): number {
  const high = digits[bytes[at] ?? 0] as number;
  const low = digits[bytes[at + 1] ?? 0] as number;
  return high > 15 || low > 15 ? 0 : size * 256 + high * 16 + low;
}

function backslashEscape(bytes: Buffer, at: number): number {
  const next = bytes[at + 1] ?? 0;
  if (next !== u) {
    const value = behindBackslash[next] as number;
    return value === 0 ? 0 : 2 * 256 + value;
  }
  const isByte = bytes[at + 2] === zero && bytes[at + 3] === zero;
  return isByte ? hexEscape(bytes, at + 4, 6) : 0;
}

/** As many digits as a byte takes, behind at most six zeros; `at` is that behind "&#". */
function numberEscape(bytes: Buffer, at: number): number {
  const isHex = (bytes[at] ?? 0) === 0x78 || bytes[at] === 0x58;
  const [base, countMax] = isHex ? [16, 2] : [10, 3];
  const begin = isHex ? at + 1 : at;
  let end = begin;
  let value = 0;
  while (end < begin + countMax + 6 && (digits[bytes[end] ?? 0] as number) < base) {
    value = value * base + (digits[bytes[end] as number] as number);
    end += 1;
  }
  if (end === begin || bytes[end] !== semicolon || value >= base ** countMax) return 0;
  // What is beyond a byte can be no part of a secret.
  return (end + 1 - (at - 2)) * 256 + (value & 0xff);
}

function namedEscape(bytes: Buffer, at: number): number {
  for (const { text, value } of named) {
    if (bytes[at] !== text[0]) continue;
    let length = 1;
    while (length < text.length && bytes[at + length] === text[length]) length += 1;
    if (length === text.length) return (length + 1) * 256 + value;
  }
  return 0;
}

const beginningOfEscape = new RegExp(
  [
    "%[0-9a-fA-F]?$",
    "\\\\(?:u(?:0(?:0[0-9a-fA-F]?)?)?)?$",
    "&(?:#(?:0{0,6}[0-9]{0,3}|[xX]0{0,6}[0-9a-fA-F]{0,2}))?$",
    "&(?:a|am|amp|ap|apo|apos|l|lt|g|gt|q|qu|quo|quot)$",
  ].join("|"),
);

/** The index of the last of the growing numbers that is at most `value`; -1 when none is. */
function lastAtMost(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((numbers[middle] as number) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
