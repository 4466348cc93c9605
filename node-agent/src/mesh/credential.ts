import { fromBase64Url } from "../bytes.ts";

/**
 * Whether two thirds of a NATS user JWT's life are over: time to ask for the next. A JWT without an
 * expiry is never due.
 */
export function credentialIsDue(userJwt: string, nowMs: number): boolean {
  const { issuedMs, expiresMs } = credentialTimes(userJwt);
  return expiresMs > 0 && nowMs >= issuedMs + ((expiresMs - issuedMs) / 3) * 2;
}

/** 0 for a time that the JWT does not have. */
export function credentialTimes(userJwt: string): { issuedMs: number; expiresMs: number } {
  const claims = parseClaims(userJwt);
  return {
    issuedMs: Number(claims["iat"] ?? 0) * 1000,
    expiresMs: Number(claims["exp"] ?? 0) * 1000,
  };
}

function parseClaims(userJwt: string): Record<string, unknown> {
  try {
    const payload = fromBase64Url(userJwt.split(".")[1] ?? "");
    return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
