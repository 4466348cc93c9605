import type { Header } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";

/**
 * What a step may say to a service beside method, path and body. All else is the proxy's own (host,
 * framing, encodings, user agent), the credential's, or nobody's (cookies, forwarding).
 */
const requestNames = new Set([
  "accept",
  "accept-language",
  "anthropic-beta",
  "anthropic-version",
  "content-language",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-unmodified-since",
  "openai-beta",
  "prefer",
  "range",
]);

/** What a step is told of an answer. A redirect's target is not among it: nobody may follow it. */
const responseNames = new Set([
  "accept-ranges",
  "cache-control",
  "content-disposition",
  "content-language",
  "content-range",
  "content-type",
  "date",
  "etag",
  "expires",
  "last-modified",
  "link",
  "request-id",
  "retry-after",
  "vary",
  "x-request-id",
]);

/** Rate limits as services tell them, with and without "x-" and a vendor's name before. */
const responsePattern = /^(?:x-|anthropic-)?ratelimit-[a-z-]+$/;

/**
 * Headers that are passed on, `allowed` beside the common ones; the rest is dropped. Throws USAGE
 * when a header is malformed or given twice, LIMIT_EXCEEDED when there are too many.
 */
export function requestHeaders(
  headers: readonly Header[],
  allowed: readonly string[] = [],
): Header[] {
  const bytes = headers.reduce((sum, { name, value }) => sum + name.length + value.length, 0);
  if (headers.length > limits.proxyHeadersMax || bytes > limits.proxyHeaderBytesMax) {
    throw refuse("LIMIT_EXCEEDED", "the request has too many headers");
  }
  const seen = new Set<string>();
  for (const { name, value } of headers) {
    if (!isHeaderName(name)) throw refuse("USAGE", "a header's name is malformed");
    if (!isHeaderValue(value)) throw refuse("USAGE", `header ${name} has a malformed value`);
    if (seen.has(name)) throw refuse("USAGE", `header ${name} is given twice`);
    seen.add(name);
  }
  const passed = headers.filter(({ name }) => requestNames.has(name) || allowed.includes(name));
  return seen.has("accept") ? passed : [...passed, { name: "accept", value: "*/*" }];
}

export function responseHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Header[] {
  return Object.entries(headers)
    .filter(([name]) => responseNames.has(name) || responsePattern.test(name))
    .map(([name, value]) => ({ name, value: [value ?? []].flat().join(", ") }));
}

/** RFC 9110 section 5.1, in lower case as HTTP/2 and the wire protocol have it. */
function isHeaderName(name: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name);
}

/** RFC 9110 section 5.5 without the obsolete bytes above ASCII, and without outer white space. */
function isHeaderValue(value: string): boolean {
  return /^(?:[\x21-\x7e](?:[\t\x20-\x7e]*[\x21-\x7e])?)?$/.test(value);
}
