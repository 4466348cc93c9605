import * as z from "zod";
import { headerName } from "./wire.ts";

/** What a template of an HMAC credential may name, and what it becomes. */
const signedParts = {
  method: "the method",
  path: "the path as it is sent, `base_url`'s included, without query",
  query: 'the query without its "?"',
  target: "path and query as they are sent",
  host: "the host, with its port where that is not 443",
  timestamp: "the time, in the form that `timestamp` says",
  nonce: "32 random hexadecimal digits",
  body: "the body",
  body_hash: "the body's hash, by `hash` and in `encoding`",
} as const;

export type SignedPart = keyof typeof signedParts;

const placeholder = /\{([a-z_]+)\}/g;

function template(names: readonly string[]) {
  return z
    .string()
    .max(1000)
    .refine(
      (text) => [...text.matchAll(placeholder)].every(([, name = ""]) => names.includes(name)),
      `may name ${names.map((name) => `{${name}}`).join(", ")} alone`,
    );
}

const parts = Object.keys(signedParts);
const headerTemplate = template([...parts.filter((it) => it !== "body"), "signature"]).regex(
  /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/,
  "must be printable ASCII on one line",
);
const listed = Object.entries(signedParts)
  .map(([name, meaning]) => `\`{${name}}\` (${meaning})`)
  .join(", ");

/** A signature over the request that client and service make with one key (RFC 2104). */
export function hmac(secret: z.ZodString) {
  return z.strictObject({
    type: z.literal("hmac").describe("Each request is signed with a shared key (RFC 2104)."),
    secret,
    key: z
      .enum(["text", "base64", "hex"])
      .default("text")
      .describe("How the vault's text stands for the key: as it is, or decoded."),
    hash: z.enum(["sha1", "sha256", "sha384", "sha512"]).default("sha256").describe("Hash to use."),
    encoding: z
      .enum(["hex", "base64", "base64url"])
      .default("hex")
      .describe("How signature and body hash are written."),
    timestamp: z
      .enum(["seconds", "milliseconds", "iso8601", "http"])
      .default("seconds")
      .describe(
        "Form of `{timestamp}`: since 1970, as `2026-01-31T12:00:00Z`, or as HTTP writes dates.",
      ),
    message: template(parts)
      .describe(`What is signed: text in which stand ${listed}.`)
      .refine(
        (text) => text.includes("{body") || text.includes("{target}") || text.includes("{path}"),
        "must name the body or the path: it would sign nothing of the request",
      ),
    headers: z
      .record(headerName, headerTemplate)
      .refine(
        (headers) => Object.values(headers).some((it) => it.includes("{signature}")),
        "must send {signature} in one header",
      )
      .describe(
        "Headers to send, by name: text in which stand `{signature}` and all that `message` may name but the body.",
      ),
  });
}
