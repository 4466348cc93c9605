import type { Header } from "@cohort/proto/gen/cohort/node";
import { proxyLimits } from "./limits.ts";

export interface Scrubbed {
  readonly headers: Header[];
  readonly body: Buffer;
  /** How often the secret was found. */
  readonly hits: number;
}

export const redaction = "[redacted]";

/**
 * Takes a secret out of an answer, wherever it stands raw, in hex, or in base64 of either alphabet
 * and any alignment, and each of these also with any of its characters escaped for a URL, JSON or
 * HTML. It can't see other transformations: exact grants are the control, this is the net below.
 */
export function scrub(headers: readonly Header[], body: Buffer, secret: Buffer): Scrubbed {
  const forms = formsOf(secret);
  const clean = (bytes: Buffer) => {
    const ranges = find(bytes, forms);
    return { text: redact(bytes, ranges), hits: ranges.length };
  };
  const values = headers.map((header) => clean(Buffer.from(header.value, "latin1")));
  const { text, hits } = clean(body);
  return {
    headers: headers.map(({ name }, at) => ({
      name,
      value: values[at]?.text.toString("latin1") ?? "",
    })),
    body: text,
    hits: values.reduce((sum, it) => sum + it.hits, hits),
  };
}

interface Forms {
  readonly raw: Buffer;
  readonly hex: Buffer;
  readonly base64: readonly Buffer[];
}

function formsOf(secret: Buffer): Forms {
  return {
    raw: secret,
    hex: Buffer.from(secret.toString("hex")),
    base64: [0, 1, 2]
      .map((offset) => base64At(secret, offset))
      .filter((form) => form.length >= proxyLimits.scrubFormBytesMin),
  };
}

/** The characters that the secret alone decides when it begins `offset` bytes into a triple. */
function base64At(secret: Buffer, offset: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(offset), secret]).toString("base64");
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + secret.length) * 8) / 6);
  return Buffer.from(encoded.slice(first, end));
}

/** From and to, in bytes of the text that was searched. */
type Range = readonly [start: number, end: number];

/** Looks beneath the escapes too, layer by layer, and tells where that stands in the original. */
function find(bytes: Buffer, forms: Forms): Range[] {
  const ranges = findPlain(bytes, forms);
  let layer = bytes;
  let origin = (at: number) => at;
  for (let depth = 0; depth < proxyLimits.scrubDepthMax; depth += 1) {
    const { plain, starts } = unescape(layer);
    if (plain.length === layer.length) break;
    const outer = origin;
    origin = (at) => outer(starts[at] ?? 0);
    ranges.push(...findPlain(plain, forms).map(([a, b]): Range => [origin(a), origin(b)]));
    layer = plain;
  }
  return merge(ranges);
}

function findPlain(bytes: Buffer, { raw, hex, base64 }: Forms): Range[] {
  const oneCase = Buffer.from(bytes.toString("latin1").toLowerCase(), "latin1");
  const oneAlphabet = bytes.map((byte) => (byte === 0x2d ? 0x2b : byte === 0x5f ? 0x2f : byte));
  return [
    ...findAll(bytes, raw),
    ...findAll(oneCase, hex),
    ...base64.flatMap((form) => findAll(Buffer.from(oneAlphabet.buffer), form)),
  ];
}

function findAll(bytes: Buffer, form: Buffer): Range[] {
  const ranges: Range[] = [];
  for (let at = bytes.indexOf(form); at !== -1; at = bytes.indexOf(form, at + 1)) {
    ranges.push([at, at + form.length]);
  }
  return ranges;
}

/** The text without its escapes, and where each byte of it, and its end, began in the original. */
function unescape(bytes: Buffer): { plain: Buffer; starts: Uint32Array } {
  const text = bytes.toString("latin1");
  const plain = Buffer.alloc(bytes.length);
  const starts = new Uint32Array(bytes.length + 1);
  let length = 0;
  for (let at = 0; at < text.length; length += 1) {
    starts[length] = at;
    const { byte, size } = readEscape(text, at) ?? { byte: bytes[at] as number, size: 1 };
    plain[length] = byte;
    at += size;
  }
  starts[length] = text.length;
  return { plain: plain.subarray(0, length), starts };
}

const percent = /%([0-9a-f]{2})/iy;
const json = /\\(?:u00([0-9a-f]{2})|([\\"'/bfnrt]))/iy;
const html = /&(?:#0{0,6}([0-9]{1,3})|#x0{0,6}([0-9a-f]{1,2})|(amp|lt|gt|quot|apos));/iy;
const jsonNames: Readonly<Record<string, string>> = { b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
const htmlNames: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

/** The escape of one ASCII character that begins here, or null. */
function readEscape(text: string, at: number): { byte: number; size: number } | null {
  switch (text[at]) {
    case "%":
      return escapeBy(percent, text, at, ([, hex]) => Number.parseInt(hex ?? "", 16));
    case "\\":
      return escapeBy(json, text, at, ([, hex, name = ""]) =>
        hex === undefined ? codeOf(jsonNames[name] ?? name) : Number.parseInt(hex, 16),
      );
    case "&":
      return escapeBy(html, text, at, ([, decimal, hex, name = ""]) => {
        if (decimal !== undefined) return Number(decimal);
        if (hex !== undefined) return Number.parseInt(hex, 16);
        return codeOf(htmlNames[name.toLowerCase()] ?? "");
      });
    default:
      return null;
  }
}

function escapeBy(
  pattern: RegExp,
  text: string,
  at: number,
  byteOf: (match: RegExpExecArray) => number,
): { byte: number; size: number } | null {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? null : { byte: byteOf(match), size: match[0].length };
}

function codeOf(character: string): number {
  return character.charCodeAt(0);
}

function merge(ranges: readonly Range[]): Range[] {
  const merged: Range[] = [];
  for (const [start, end] of [...ranges].sort((a, b) => a[0] - b[0])) {
    const last = merged.at(-1);
    if (last === undefined || start > last[1]) merged.push([start, end]);
    else merged[merged.length - 1] = [last[0], Math.max(last[1], end)];
  }
  return merged;
}

function redact(bytes: Buffer, ranges: readonly Range[]): Buffer {
  if (ranges.length === 0) return bytes;
  const pieces: Buffer[] = [];
  let at = 0;
  for (const [start, end] of ranges) {
    pieces.push(bytes.subarray(at, start), Buffer.from(redaction));
    at = end;
  }
  pieces.push(bytes.subarray(at));
  return Buffer.concat(pieces);
}
