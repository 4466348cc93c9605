import type { Header } from "@cohort/proto/gen/cohort/node";
import { parseJson } from "@cohort/proto/json";
import { limits } from "@cohort/proto/limits";
import { compilePattern } from "@cohort/proto/pattern";
import { refuse } from "@cohort/proto/problem";
import type { Redact } from "@cohort/proto/resources/service/redact";
import { jsonSpans } from "./json-spans.ts";
import { redaction } from "./scrub.ts";

/** Takes out of one answer what its service's definition says. */
export interface Redactor {
  headers(headers: readonly Header[]): Header[];
  /** What of these bytes may go on now. Throws UPSTREAM_INVALID when they are too many to hold. */
  next(bytes: Buffer): Buffer;
  /** What may go on once all has come. Throws UPSTREAM_INVALID. */
  end(): Buffer;
}

/** A body in which something is to be found is held until all of it has come. */
export function createRedactor(redact: Redact = {}): Redactor {
  const holds = redact.json !== undefined || redact.patterns !== undefined;
  const held: Buffer[] = [];
  let bytesHeld = 0;
  return {
    headers: (headers) => headers.filter(({ name }) => !redact.headers?.includes(name)),
    next(bytes) {
      if (!holds) return bytes;
      bytesHeld += bytes.length;
      if (bytesHeld > limits.redactedBytesMax) throw tooLong();
      held.push(bytes);
      return nothing;
    },
    end: () => (holds ? redactedBody(Buffer.concat(held), redact) : nothing),
  };
}

const nothing = Buffer.alloc(0);

/**
 * The body without what the service's definition takes out of it. Throws UPSTREAM_INVALID for what
 * is no JSON where there is something to be taken out of that.
 */
export function redactedBody(body: Buffer, { json, patterns = [] }: Redact): Buffer {
  if (body.length === 0) return body;
  const encoding = encodingOf(body);
  let text = body.toString(encoding);
  if (json !== undefined) text = withoutValues(text, json);
  for (const pattern of patterns) {
    text = compilePattern(pattern)?.replaceAll(text, redaction) ?? "";
  }
  return Buffer.from(text, encoding);
}

function tooLong(): Error {
  const message = `the answer is longer than the ${limits.redactedBytesMax} bytes that can be looked through for what no step is told`;
  return refuse("UPSTREAM_INVALID", message);
}

/** What is no UTF-8 is taken byte by byte, so that the rest of it stays as it is. */
function encodingOf(body: Buffer): "utf8" | "latin1" {
  return Buffer.from(body.toString("utf8")).equals(body) ? "utf8" : "latin1";
}

function withoutValues(text: string, pointers: readonly string[]): string {
  if (parseJson(text) === undefined) {
    const message = "the answer is no JSON, in which alone what no step is told can be found";
    throw refuse("UPSTREAM_INVALID", message);
  }
  const pieces: string[] = [];
  let at = 0;
  for (const [start, end] of jsonSpans(text, pointers)) {
    pieces.push(text.slice(at, start), JSON.stringify(redaction));
    at = end;
  }
  return pieces.join("") + text.slice(at);
}
