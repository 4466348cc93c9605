/** An escape of one byte: how long it is, and the character that it stands for. */
export interface Escape {
  readonly size: number;
  readonly value: number;
}

/**
 * The escape of one byte that begins here, whether meant as such or not, as URLs (%41), JSON (\n,
 * \u0041) and HTML (&lt;, &#65;, &#x41;) have them, all at once, since nobody says which of them an
 * answer uses. Null when there is none.
 */
export function escapeAt(bytes: Buffer, at: number): Escape | null {
  if (!isMark(bytes[at])) return null;
  const match = escapeHere.exec(bytes.toString("latin1", at, at + escapeBytesMax));
  if (match === null) return null;
  return { size: match[0].length, value: characterOf(match) };
}

/** The longest: "&#" and six zeros before three digits and ";", or the same in hex. */
export const escapeBytesMax = 12;

export function isMark(byte: number | undefined): boolean {
  return byte === percent || byte === backslash || byte === ampersand;
}

/** Where an escape begins that the end of the text cuts off; the length where none does. */
export function cutOffAt(bytes: Buffer): number {
  const from = Math.max(0, bytes.length - escapeBytesMax + 1);
  const match = beginningOfEscape.exec(bytes.toString("latin1", from));
  return match === null ? bytes.length : from + match.index;
}

/** A text without its escapes, and where each byte of it began in the original. */
export interface Unescaped {
  readonly plain: Buffer;
  readonly origin: (at: number) => number;
}

/** Null when there is no escape in it. */
export function unescaped(bytes: Buffer): Unescaped | null {
  const pieces: Buffer[] = [];
  /** Each escape: where its byte stands in the plain text, and where what follows it began. */
  const plainAt: number[] = [];
  const after: number[] = [];
  let copied = 0;
  let length = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    if (!isMark(bytes[at])) continue;
    const found = escapeAt(bytes, at);
    if (found === null) continue;
    pieces.push(bytes.subarray(copied, at), Buffer.of(found.value));
    length += at - copied + 1;
    copied = at + found.size;
    plainAt.push(length);
    after.push(copied);
    at = copied - 1;
  }
  if (plainAt.length === 0) return null;
  pieces.push(bytes.subarray(copied));
  const origin = (position: number) => {
    const index = lastAtMost(plainAt, position);
    if (index === -1) return position;
    return (after[index] as number) + position - (plainAt[index] as number);
  };
  return { plain: Buffer.concat(pieces), origin };
}

const [percent, backslash, ampersand] = Buffer.from("%\\&");

const escapeHere = new RegExp(
  [
    "^%([0-9a-fA-F]{2})",
    "^\\\\u00([0-9a-fA-F]{2})",
    "^\\\\([\\\\\"'/bfnrt])",
    "^&#0{0,6}([0-9]{1,3});",
    "^&#[xX]0{0,6}([0-9a-fA-F]{1,2});",
    "^&(amp|lt|gt|quot|apos);",
  ].join("|"),
);

const beginningOfEscape = new RegExp(
  [
    "%[0-9a-fA-F]?$",
    "\\\\(?:u(?:0(?:0[0-9a-fA-F]?)?)?)?$",
    "&(?:#(?:0{0,6}[0-9]{0,3}|[xX]0{0,6}[0-9a-fA-F]{0,2}))?$",
    "&(?:a|am|amp|ap|apo|apos|l|lt|g|gt|q|qu|quo|quot)$",
  ].join("|"),
);

const names: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function characterOf(match: RegExpExecArray): number {
  const [, percentHex, jsonHex, jsonName, htmlDecimal, htmlHex, htmlName] = match;
  const hex = percentHex ?? jsonHex ?? htmlHex;
  if (hex !== undefined) return Number.parseInt(hex, 16);
  // As a byte has it: what is beyond one can be no part of a secret.
  if (htmlDecimal !== undefined) return Number(htmlDecimal) & 0xff;
  const name = jsonName ?? htmlName ?? "";
  return (names[name] ?? name).charCodeAt(0);
}

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
