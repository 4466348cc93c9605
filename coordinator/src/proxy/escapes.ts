/** A text with the escapes that begin at each of its bytes, whether meant as such or not. */
export interface Escaped {
  readonly bytes: Buffer;
  /** Length of the escape that begins here, 0 for none. */
  readonly sizes: Uint8Array;
  /** The character that it stands for. */
  readonly values: Uint8Array;
}

/**
 * Finds the escapes of one byte that URLs (%41), JSON (\n, \u0041) and HTML (&lt;, &#65;, &#x41;)
 * have, all at once, since nobody says which of them an answer uses.
 */
export function readEscapes(bytes: Buffer): Escaped {
  const text = bytes.toString("latin1");
  const sizes = new Uint8Array(bytes.length);
  const values = new Uint8Array(bytes.length);
  for (let at = 0; at < bytes.length; at += 1) {
    if (!marks.has(bytes[at] as number)) continue;
    escapeHere.lastIndex = at;
    const match = escapeHere.exec(text);
    if (match === null) continue;
    sizes[at] = match[0].length;
    values[at] = characterOf(match);
  }
  return { bytes, sizes, values };
}

/** The text beneath the escapes, and where each byte of it, and its end, began in the original. */
export function unescaped({ bytes, sizes, values }: Escaped): {
  plain: Buffer;
  starts: Uint32Array;
} {
  const plain = Buffer.alloc(bytes.length);
  const starts = new Uint32Array(bytes.length + 1);
  let length = 0;
  for (let at = 0; at < bytes.length; length += 1) {
    const size = sizes[at] ?? 0;
    starts[length] = at;
    plain[length] = (size === 0 ? bytes[at] : values[at]) ?? 0;
    at += Math.max(size, 1);
  }
  starts[length] = bytes.length;
  return { plain: plain.subarray(0, length), starts };
}

const marks = new Set(Buffer.from("%\\&"));

const escapeHere = new RegExp(
  [
    "%([0-9a-fA-F]{2})",
    "\\\\u00([0-9a-fA-F]{2})",
    "\\\\([\\\\\"'/bfnrt])",
    "&#0{0,6}([0-9]{1,3});",
    "&#[xX]0{0,6}([0-9a-fA-F]{1,2});",
    "&(amp|lt|gt|quot|apos);",
  ].join("|"),
  "y",
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
  if (htmlDecimal !== undefined) return Number(htmlDecimal);
  const name = jsonName ?? htmlName ?? "";
  return (names[name] ?? name).charCodeAt(0);
}
