import { createHmac, timingSafeEqual } from "node:crypto";
import type { SubmitWebhookRequest } from "@cohort/proto/gen/cohort/console";
import { limits } from "@cohort/proto/limits";
import type { WebhookTrigger } from "@cohort/proto/resources/workflow/trigger";

type Request = Omit<SubmitWebhookRequest, "path">;

/**
 * What tells a request apart from every other that this key has signed, or null where it has not signed
 * it or the time is not right.
 */
export function verifiedId(
  scheme: WebhookTrigger["signature"],
  key: Buffer,
  request: Request,
  nowMs: number,
): string | null {
  return scheme === "standard" ? standardId(key, request, nowMs) : githubId(key, request);
}

/** Standard Webhooks 1.0: `v1,BASE64` of HMAC-SHA256 over "id.time.body"; several while keys change. */
function standardId(key: Buffer, request: Request, nowMs: number): string | null {
  const { id, timestamp, signature, body } = request;
  if (!/^[\w-]+$/.test(id) || id.length > limits.webhookIdLengthMax) return null;
  if (!/^\d{1,11}$/.test(timestamp)) return null;
  if (Math.abs(nowMs - Number(timestamp) * 1000) > limits.webhookToleranceMs) return null;
  const secret = standardKey(key);
  try {
    const wanted = createHmac("sha256", secret).update(`${id}.${timestamp}.`).update(body).digest();
    const given = signature.split(" ").flatMap((it) => (it.startsWith("v1,") ? [it.slice(3)] : []));
    return given.some((it) => equal(Buffer.from(it, "base64"), wanted)) ? id : null;
  } finally {
    secret.fill(0);
  }
}

/** `whsec_BASE64`, or the bytes as they are. The caller wipes it. */
function standardKey(key: Buffer): Buffer {
  const prefix = "whsec_";
  const encoded = key.subarray(0, prefix.length).equals(Buffer.from(prefix));
  return encoded ? Buffer.from(key.toString("latin1", prefix.length), "base64") : Buffer.from(key);
}

/** `sha256=HEX` over the body alone: it tells no time, so the signature itself is what happens once. */
function githubId(key: Buffer, { hubSignature, body }: Request): string | null {
  const match = /^sha256=([0-9a-f]{64})$/.exec(hubSignature);
  if (match === null) return null;
  const wanted = createHmac("sha256", key).update(body).digest();
  return equal(Buffer.from(match[1] as string, "hex"), wanted) ? (match[1] as string) : null;
}

function equal(given: Buffer, wanted: Buffer): boolean {
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
