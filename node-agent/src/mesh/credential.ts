import { fromBase64Url } from "../bytes.ts";

/**
 * Whether two thirds of a NATS user JWT's life are over: time to ask for the next. A JWT without an
 * expiry is never due.
 */
export function credentialIsDue(userJwt: string, nowMs: number): boolean {
  const claims = parseClaims(userJwt);
  const issuedMs = Number(claims["iat"] ?? 0) * 1000;
  const expiresMs = Number(claims["exp"] ?? 0) * 1000;
  return expiresMs > 0 && nowMs >= issuedMs + ((expiresMs - issuedMs) / 3) * 2;
}

function parseClaims(userJwt: string): Record<string, unknown> {
  try {
    const payload = fromBase64Url(userJwt.split(".")[1] ?? "");
    return JSON.parse(new TextDecoder().decode(payload)) as Record<string, unknown>;
  } catch {
    return {};
  }
}
