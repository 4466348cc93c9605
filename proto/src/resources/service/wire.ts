import * as z from "zod";

/** Names and places as HTTP has them. */

export const headerName = z
  .string()
  .max(64)
  .regex(/^[a-z0-9-]+$/, "must be a header name in lower case")
  .refine((name) => !framing.has(name), "is a header that frames messages or connections");

export const httpsUrl = z
  .string()
  .max(512)
  .refine(isHttpsUrl, "must be https://host[:port][/path] and nothing more");

/** What only the proxy itself may say (RFC 9110 section 7.6, RFC 9112 section 6). */
const framing = new Set([
  "connection",
  "content-length",
  "expect",
  "forwarded",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "via",
]);

function isHttpsUrl(text: string): boolean {
  try {
    const url = new URL(text);
    const plain = url.protocol === "https:" && url.username === "" && url.password === "";
    return plain && url.search === "" && url.hash === "" && !/[\s\\]/.test(text);
  } catch {
    return false;
  }
}
