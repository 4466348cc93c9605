import { cutOffAt, escapeAt, isMark, unescaped } from "./escapes.ts";
import { type Form, formsOf, type Starts, startsOf, wipe } from "./forms.ts";
import { proxyLimits } from "./limits.ts";

export const redaction = "[redacted]";

/**
 * Takes secrets out of an answer as it passes, wherever they stand raw, in hex, or in base64 of either
 * alphabet and any alignment, and each of these also with any of its characters escaped for a URL, JSON
 * or HTML, three layers deep. What may be the beginning of one is held back until more comes. It can't
 * see other transformations: exact grants are the control, this is the net below.
 */
export interface Scrub {
  /** What of the answer is known to be clean by now. */
  next(chunk: Buffer): Buffer;
  /** The rest. */
  end(): Buffer;
  /** A text that stands alone. */
  text(value: string): string;
  /** How often a secret was found. */
  readonly hits: number;
}

/** Where there is no secret. */
export const noScrub: Scrub = {
  next: (chunk) => chunk,
  end: () => Buffer.alloc(0),
  text: (value) => value,
  hits: 0,
};

export function createScrub(secrets: readonly Buffer[]): Scrub {
  const searches = secrets.map((secret) => new Search(secret));
  let held: Buffer = Buffer.alloc(0);
  let hits = 0;
  const clean = (bytes: Buffer, isEnd: boolean) => {
    const found = searches.map((search) => search.find(bytes, isEnd));
    const ranges = merge(found.flatMap((it) => it.ranges));
    hits += ranges.length;
    // What overlaps with something that is held back is held back too.
    const heldFrom = ranges.reduceRight(
      (from, [start, end]) => (end > from ? Math.min(from, start) : from),
      Math.min(bytes.length, ...found.map((it) => it.heldFrom)),
    );
    const settled = ranges.filter(([, end]) => end <= heldFrom);
    held = bytes.subarray(heldFrom);
    return redact(bytes.subarray(0, heldFrom), settled);
  };
  return {
    next: (chunk) => clean(held.length === 0 ? chunk : Buffer.concat([held, chunk]), false),
    end() {
      const rest = clean(held, true);
      for (const search of searches) search.close();
      return rest;
    },
    text(value) {
      const before = held;
      const text = clean(Buffer.from(value), true).toString();
      held = before;
      return text;
    },
    get hits() {
      return hits;
    },
  };
}

/** From and to, in bytes of the text that was searched. */
type Range = readonly [start: number, end: number];

interface Found {
  readonly ranges: readonly Range[];
  /** Where something begins that may be the secret's beginning; the length of the text for nothing. */
  readonly heldFrom: number;
}

/** The search for one secret. A secret that holds what looks like an escape may lose it on its way. */
class Search {
  readonly #forms: readonly Form[];
  /** Of the text beneath escapes. */
  readonly #innerForms: readonly Form[];
  readonly #starts: Starts;

  constructor(secret: Buffer) {
    const bare = unescaped(secret)?.plain;
    this.#forms = formsOf(secret);
    this.#innerForms = bare === undefined ? this.#forms : [...this.#forms, ...formsOf(bare)];
    this.#starts = startsOf(this.#innerForms);
  }

  /** Looks beneath escapes of escapes too, and tells where that stands in the text itself. */
  find(bytes: Buffer, isEnd: boolean): Found {
    const ranges: Range[] = [];
    let heldFrom = bytes.length;
    let layer = bytes;
    let origin = (at: number) => at;
    for (let depth = 0; depth < proxyLimits.scrubDepthMax; depth += 1) {
      const forms = depth === 0 ? this.#forms : this.#innerForms;
      const found = this.#findIn(layer, forms, isEnd);
      ranges.push(...found.ranges.map(([start, end]) => [origin(start), origin(end)] as const));
      if (found.heldFrom < layer.length) heldFrom = Math.min(heldFrom, origin(found.heldFrom));
      const inner = unescaped(layer);
      if (inner === null || !inner.isNested) break;
      const outer = origin;
      origin = (at) => outer(inner.origin(at));
      layer = inner.plain;
    }
    return { ranges, heldFrom };
  }

  close(): void {
    wipe(this.#innerForms);
  }

  #findIn(text: Buffer, forms: readonly Form[], isEnd: boolean): Found {
    const known = isEnd ? text.length : cutOffAt(text);
    const { first, second } = this.#starts;
    const ranges: Range[] = [];
    let heldFrom = isEnd ? text.length : known;
    for (let at = 0; at < known; at += 1) {
      if (first[text[at] as number] === 0) continue;
      // Of what is cut off behind its first byte, nothing more is known.
      if (at + 1 < known && second[text[at + 1] as number] === 0) continue;
      for (const form of forms) {
        const end = matchEnd(text, known, at, form, 0);
        if (end === null) continue;
        if (end !== cutOff) ranges.push([at, end]);
        else if (!isEnd) heldFrom = Math.min(heldFrom, at);
      }
    }
    return { ranges, heldFrom };
  }
}

/** The text ends before the form does. */
const cutOff = -1;

/** Where the form ends that begins here, each byte of it escaped or not; null when none does. */
function matchEnd(
  text: Buffer,
  known: number,
  start: number,
  form: Form,
  from: number,
): number | null {
  const { bytes, fold } = form;
  let at = start;
  for (let index = from; index < bytes.length; index += 1) {
    if (at >= known) return cutOff;
    const byte = text[at] as number;
    const expected = bytes[index];
    const plainly = fold[byte] === expected;
    const found = isMark(byte) ? escapeAt(text, at) : 0;
    const escaped = found !== 0 && fold[found & 0xff] === expected;
    if (!plainly && !escaped) return null;
    if (plainly && escaped) {
      const end = matchEnd(text, known, at + 1, form, index + 1);
      if (end !== null) return end;
    }
    at += escaped ? found >> 8 : 1;
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
