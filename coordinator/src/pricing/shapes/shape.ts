import { refuse } from "@cohort/proto/problem";

/** A JSON object of which nothing is known yet. */
export type Fields = Readonly<Record<string, unknown>>;

/** How one API of language models asks, and what it answers. */
export interface Shape {
  /** Keys that a request may have at the top, of which it is known what they do to its price. */
  readonly fields: ReadonlySet<string>;
  /** Whether a model that has no price of output may be asked. */
  readonly answersWithTokens: boolean;
  /** The request with its limits forced. Throws PRICE_UNKNOWN for what no table has a price of. */
  limit(body: Fields, terms: Terms): Limited;
  /** What one answer, or one event of a stream, says of tokens, model and tier. */
  usageOf(message: Fields): Reported;
  /** Characters of text, thoughts and arguments that the model made in it. */
  textLength(message: Fields): number;
  /** Whether a stream has told all that it had to, with this event. */
  isLast(message: Fields): boolean;
}

export interface Terms {
  readonly outputTokensMax: number;
  /** Whose dialect of the API it is, "" where unknown. */
  readonly provider: string;
}

export interface Limited {
  readonly body: Fields;
  readonly outputTokensMax: number;
  readonly images: number;
  /** Bytes of the body that are images, and thus not text. */
  readonly imageBytes: number;
  readonly hasTools: boolean;
}

/** Counts as they came, whatever they are; absent where the message says nothing of them. */
export interface Reported {
  readonly input?: unknown;
  readonly cacheRead?: unknown;
  readonly cacheWrite?: unknown;
  readonly output?: unknown;
  readonly model?: unknown;
  readonly tier?: unknown;
}

/** The lesser of what is asked for and what is allowed; nothing asked is all that is allowed. */
export function clamp(asked: unknown, max: number): number {
  return typeof asked === "number" && Number.isInteger(asked) && asked > 0
    ? Math.min(asked, max)
    : max;
}

/** Counts images; throws for whatever else has a price that is not that of its text. */
export class Parts {
  images = 0;
  imageBytes = 0;

  image(data: unknown): void {
    this.images += 1;
    if (typeof data === "string") this.imageBytes += data.length;
  }

  /** A text, or a list of parts, each judged by its type. */
  content(content: unknown, judge: (part: Fields) => void): void {
    if (content === undefined || content === null || typeof content === "string") return;
    if (!Array.isArray(content)) throw unpriced("content that is neither text nor a list");
    for (const part of content) {
      if (typeof part === "string") continue;
      if (!isFields(part)) throw unpriced("a part that is no object");
      judge(part);
    }
  }
}

/** Tools that the caller carries out itself; those of the provider cost beside the tokens. */
export function checkTools(tools: unknown, own: (tool: Fields) => boolean): boolean {
  if (tools === undefined || tools === null) return false;
  if (!Array.isArray(tools) || !tools.every((it) => isFields(it) && own(it))) {
    throw unpriced("a tool of the provider's own");
  }
  return tools.length > 0;
}

export function unpriced(what: string) {
  return refuse("PRICE_UNKNOWN", `the request has ${what}, and nobody says what that costs`);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function fieldsAt(value: Fields, key: string): Fields {
  const it = value[key];
  return isFields(it) ? it : {};
}

export function listAt(value: Fields, key: string): readonly Fields[] {
  const it = value[key];
  return Array.isArray(it) ? it.filter(isFields) : [];
}

export function lengthOf(...texts: readonly unknown[]): number {
  return texts.reduce<number>((sum, it) => sum + (typeof it === "string" ? it.length : 0), 0);
}

/** Output that some providers count only in the total, as xAI does with reasoning. */
export function outputWithin(output: unknown, total: unknown, input: unknown): unknown {
  const isCount = (it: unknown): it is number => Number.isSafeInteger(it) && (it as number) >= 0;
  if (!isCount(output) || !isCount(total) || !isCount(input)) return output;
  return Math.max(output, total - input);
}
