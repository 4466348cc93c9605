import type { Header } from "@cohort/proto/gen/cohort/node";
import { type Escaped, readEscapes, unescaped } from "./escapes.ts";
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
  const clean = (bytes: Buffer) => {
    const ranges = find(bytes, secret);
    return { text: redact(bytes, ranges), hits: ranges.length };
  };
  const values = headers.map((header) => clean(Buffer.from(header.value)));
  const { text, hits } = clean(body);
  return {
    headers: headers.map(({ name }, at) => ({
      name,
      value: values[at]?.text.toString() ?? "",
    })),
    body: text,
    hits: values.reduce((sum, it) => sum + it.hits, hits),
  };
}

/** A spelling of the secret, and what makes bytes of an answer count as its bytes. */
interface Form {
  readonly bytes: Buffer;
  /** By byte: the one that it counts as. */
  readonly fold: Uint8Array;
}

function formsOf(secret: Buffer): Form[] {
  const base64 = [0, 1, 2].map((offset) => ({
    bytes: base64At(secret, offset),
    fold: oneAlphabet,
  }));
  return [
    { bytes: secret, fold: asItIs },
    { bytes: Buffer.from(secret.toString("hex")), fold: oneCase },
    ...base64.filter(({ bytes }) => bytes.length >= proxyLimits.scrubFormBytesMin),
  ];
}

/** The characters that the secret alone decides when it begins `offset` bytes into a triple. */
function base64At(secret: Buffer, offset: number): Buffer {
  const encoded = Buffer.concat([Buffer.alloc(offset), secret]).toString("base64");
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + secret.length) * 8) / 6);
  return Buffer.from(encoded.slice(first, end));
}

const asItIs = foldTable((byte) => byte);
const oneCase = foldTable((byte) => (byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte));
/** "-" and "_" of RFC 4648 section 5 count as "+" and "/". */
const oneAlphabet = foldTable((byte) => (byte === 0x2d ? 0x2b : byte === 0x5f ? 0x2f : byte));

function foldTable(fold: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => fold(byte));
}

/** From and to, in bytes of the text that was searched. */
type Range = readonly [start: number, end: number];

/**
 * Looks beneath escapes of escapes too, layer by layer, and tells where that stands in the
 * original. A secret that holds what looks like an escape loses it there, and is looked for
 * without it as well.
 */
function find(bytes: Buffer, secret: Buffer): Range[] {
  const bare = unescaped(readEscapes(secret)).plain;
  const ranges: Range[] = [];
  let layer = readEscapes(bytes);
  let origin = (at: number) => at;
  for (let depth = 0; depth < proxyLimits.scrubDepthMax; depth += 1) {
    const forms =
      depth === 0 || bare.equals(secret) ? formsOf(secret) : [...formsOf(secret), ...formsOf(bare)];
    for (const [start, end] of forms.flatMap((form) => findForm(layer, form))) {
      ranges.push([origin(start), origin(end)]);
    }
    const { plain, starts } = unescaped(layer);
    if (plain.length === layer.bytes.length) break;
    const outer = origin;
    origin = (at) => outer(starts[at] ?? 0);
    layer = readEscapes(plain);
  }
  return merge(ranges);
}

function findForm(text: Escaped, form: Form): Range[] {
  const { bytes, sizes } = text;
  const { fold } = form;
  const [first] = form.bytes;
  const ranges: Range[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    if (fold[bytes[at] as number] !== first && sizes[at] === 0) continue;
    const end = matchEnd(text, at, form, 0);
    if (end === -1) continue;
    ranges.push([at, end]);
    at = end - 1;
  }
  return ranges;
}

/** Where the form ends that begins here, each byte of it escaped or not; -1 when none does. */
function matchEnd(text: Escaped, start: number, form: Form, from: number): number {
  const { bytes, sizes, values } = text;
  let at = start;
  for (let index = from; index < form.bytes.length; index += 1) {
    const expected = form.bytes[index];
    const plainly = at < bytes.length && form.fold[bytes[at] as number] === expected;
    const size = sizes[at] ?? 0;
    const escaped = size > 0 && form.fold[values[at] as number] === expected;
    if (!plainly && !escaped) return -1;
    if (plainly && escaped) {
      const end = matchEnd(text, at + 1, form, index + 1);
      if (end !== -1) return end;
    }
    at += escaped ? size : 1;
  }
  return at;
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
