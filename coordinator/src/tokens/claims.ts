import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { limits } from "@cohort/proto/limits";
import { isName } from "@cohort/proto/subjects";
import * as z from "zod";
import { ulidPattern } from "../ulid.ts";

const name = z.string().refine(isName);
const ulid = z.string().regex(ulidPattern);
const time = z.int().nonnegative();
const servicesMax = 128;

const claims = z
  .strictObject({
    /** ULID; what a call consumes together with its sequence number. */
    id: ulid,
    /** The proxy of which mesh it is for. */
    audience: z.string().min(1).max(256),
    /** The node that may use it, by proof of its key. */
    node: name,
    /** The only attempt that it speaks for. */
    attempt: z.strictObject({
      run: ulid,
      step: name,
      instance: z.int().min(0).max(limits.instancesMax),
      attempt: z.int().min(1).max(0xffff_ffff),
    }),
    /** Names of the services that the step was granted. */
    services: z.array(name).min(1).max(servicesMax),
    issuedMs: time,
    /** The first moment at which it is of no use. */
    expiresMs: time,
  })
  .refine(({ issuedMs, expiresMs }) => {
    const lifetimeMs = expiresMs - issuedMs;
    return lifetimeMs > 0 && lifetimeMs <= limits.stepTokenLifetimeMs;
  });

/** What a step token says. Only the coordinator can read it. */
export type TokenClaims = z.infer<typeof claims>;

/** Throws a RangeError when the claims are not such as a token may carry: a fault of the caller's. */
export function encodeClaims(value: TokenClaims): Buffer {
  const checked = claims.safeParse(value);
  if (!checked.success) throw new RangeError(`bad claims: ${z.prettifyError(checked.error)}`);
  return Buffer.from(canonicalJson(checked.data));
}

/** Null when the bytes are no claims. */
export function decodeClaims(bytes: Uint8Array): TokenClaims | null {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
    return claims.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
