import { BlockSearch, Starts } from "./block-search.ts";
import { cutOffAt, escapeAt, escapesIn, isMark, unescaped } from "./escapes.ts";
import { type Form, formsOf, wipe } from "./forms.ts";
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
  /** Of use in long texts alone, and made for the first. */
  #blocks: BlockSearch | null = null;
  readonly #lengthMax: number;

  constructor(secret: Buffer) {
    const bare = unescaped(secret)?.plain;
    this.#forms = formsOf(secret);
    this.#innerForms = bare === undefined ? this.#forms : [...this.#forms, ...formsOf(bare)];
    this.#starts = new Starts(this.#innerForms);
    this.#lengthMax = Math.max(...this.#innerForms.map(({ bytes: { length } }) => length));
  }

  /** Looks beneath escapes of escapes too, and tells where that stands in the text itself. */
  find(bytes: Buffer, isEnd: boolean): Found {
    const ranges: Range[] = [];
    let heldFrom = bytes.length;
    let layer = bytes;
    let origin = (at: number) => at;
    for (let depth = 0; depth < proxyLimits.scrubDepthMax; depth += 1) {
      const forms = depth === 0 ? this.#forms : this.#innerForms;
      const escapes = escapesIn(layer);
      const found = this.#findIn(layer, escapes, forms, isEnd);
      ranges.push(...found.ranges.map(([start, end]) => [origin(start), origin(end)] as const));
      if (found.heldFrom < layer.length) heldFrom = Math.min(heldFrom, origin(found.heldFrom));
      const inner = unescaped(layer, escapes);
      if (inner === null || !inner.isNested) break;
      const outer = origin;
      origin = (at) => outer(inner.origin(at));
      layer = inner.plain;
    }
    return { ranges, heldFrom };
  }

  close(): void {
    wipe(this.#innerForms);
    this.#starts.wipe();
    this.#blocks?.wipe();
  }

  /**
   * A form begins where its first bytes stand as they are, or before an escape that one of its bytes is
   * spelled as, or so near the end that the rest is missing. Elsewhere none can.
   */
  #findIn(text: Buffer, escapes: readonly number[], forms: readonly Form[], isEnd: boolean): Found {
    const known = isEnd ? text.length : cutOffAt(text);
    const matches = new Matches(text, known, forms);
    const reach = this.#lengthMax - 1;
    const nearEnd = Math.max(0, known - reach);
    if (nearEnd > 0) {
      this.#blocks ??= new BlockSearch(this.#innerForms);
      const blocks = this.#blocks;
      let at = blocks.next(text, 0, known);
      for (; at < known; at = blocks.next(text, at + 1, known)) matches.lookAt(at);
    }
    let looked = 0;
    for (const at of escapes) {
      this.#lookAtAll(matches, Math.max(looked, at - reach), Math.min(at + 1, known));
      looked = at + 1;
    }
    this.#lookAtAll(matches, Math.max(looked, nearEnd), known);
    return { ranges: matches.ranges, heldFrom: isEnd ? text.length : matches.heldFrom };
  }

  #lookAtAll(matches: Matches, from: number, to: number): void {
    const starts = this.#starts;
    const { text, known } = matches;
    for (let at = from; at < to; at += 1) {
      if (starts.mayBegin(text, at, known)) matches.lookAt(at);
    }
  }
}

/** What was found of some forms in what is known of a text. */
class Matches {
  readonly ranges: Range[] = [];
  heldFrom: number;
  readonly text: Buffer;
  readonly known: number;
  readonly #forms: readonly Form[];

  constructor(text: Buffer, known: number, forms: readonly Form[]) {
    this.text = text;
    this.known = known;
    this.heldFrom = known;
    this.#forms = forms;
  }

  lookAt(at: number): void {
    for (const form of this.#forms) {
      const end = matchEnd(this.text, this.known, at, form, 0);
      if (end === null) continue;
      if (end === cutOff) this.heldFrom = Math.min(this.heldFrom, at);
      else this.ranges.push([at, end]);
    }
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
    const plainly = fold.of[byte] === expected;
    const found = isMark(byte) ? escapeAt(text, at) : 0;
    const escaped = found !== 0 && fold.of[found & 0xff] === expected;
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
