import { createHash, createHmac, randomBytes } from "node:crypto";
import type { AuthOf } from "@cohort/proto/resources/service/auth";
import type { SignedPart } from "@cohort/proto/resources/service/auth-hmac";
import { type Made, type Unsigned, unfit, withHeaders } from "./kind.ts";

type HmacAuth = AuthOf<"hmac">;

/** RFC 2104, over what the service's definition says. */
export function hmac(auth: HmacAuth, secret: Buffer): Made {
  const key = keyOf(auth, secret);
  return {
    sign(request, nowMs) {
      const parts = partsOf(auth, request, nowMs);
      const signature = createHmac(auth.hash, key)
        .update(filled(auth.message, parts))
        .digest(auth.encoding);
      const own = Object.entries(auth.headers).map(([name, template]) => ({
        name,
        value: filled(template, { ...parts, signature: Buffer.from(signature) }).toString(),
      }));
      return { path: request.path, headers: withHeaders(request.headers, own) };
    },
    secrets: key === secret ? [] : [key],
  };
}

/** Wiped with the credential. Node's decoders skip what they don't know, so the form is checked. */
function keyOf({ key }: HmacAuth, secret: Buffer): Buffer {
  if (secret.length === 0) throw unfit("an HMAC key has at least one byte");
  if (key === "text") return secret;
  const text = secret.toString("latin1");
  const form = key === "hex" ? /^(?:[0-9a-fA-F]{2})+$/ : /^[\w+/-]+={0,2}$/;
  if (!form.test(text)) throw unfit(`the definition says that it is ${key}`);
  return Buffer.from(text, key);
}

type Parts = Readonly<Record<SignedPart, Buffer>>;

function partsOf({ hash, encoding, timestamp }: HmacAuth, request: Unsigned, nowMs: number): Parts {
  const { method, host, path: target, body } = request;
  const mark = target.indexOf("?");
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? "" : target.slice(mark + 1);
  const texts = {
    method,
    path,
    query,
    target,
    host,
    timestamp: timestampOf(timestamp, nowMs),
    nonce: randomBytes(16).toString("hex"),
    body_hash: createHash(hash).update(body).digest(encoding),
  };
  const named = Object.entries(texts).map(([name, text]) => [name, Buffer.from(text)]);
  return { ...Object.fromEntries(named), body: Buffer.from(body) };
}

function timestampOf(form: HmacAuth["timestamp"], nowMs: number): string {
  switch (form) {
    case "seconds":
      return String(Math.floor(nowMs / 1000));
    case "milliseconds":
      return String(nowMs);
    case "iso8601":
      return new Date(nowMs).toISOString().replace(/\.\d+Z$/, "Z");
    case "http":
      return new Date(nowMs).toUTCString();
  }
}

/** What stands in a part is never looked at for further placeholders. */
function filled(template: string, parts: Parts & { readonly signature?: Buffer }): Buffer {
  const pieces = template.split(/(\{[a-z_]+\})/).map((piece) => {
    const part = piece.startsWith("{") ? parts[piece.slice(1, -1) as SignedPart] : undefined;
    return part ?? Buffer.from(piece);
  });
  return Buffer.concat(pieces);
}
