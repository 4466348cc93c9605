import type { ErrorCode } from "@cohort/proto/errors";

/**
 * HTTP status of a refusal, as a step's HTTP client understands it: 402 and 403 are final, 429 and
 * 503 are worth another try, and 502 may have been done already.
 */
const statuses: Partial<Readonly<Record<ErrorCode, number>>> = {
  USAGE: 400,
  UNAUTHENTICATED: 401,
  TOKEN_INVALID: 401,
  TOKEN_EXPIRED: 401,
  TOKEN_WRONG_NODE: 401,
  TOKEN_WRONG_STEP: 401,
  TOKEN_REPLAYED: 401,
  TOKEN_REVOKED: 403,
  PROOF_INVALID: 401,
  BUDGET_EXHAUSTED: 402,
  FORBIDDEN: 403,
  GRANT_MISSING: 403,
  EGRESS_DENIED: 403,
  PRICE_UNKNOWN: 403,
  CALL_CANCELLED: 408,
  LIMIT_EXCEEDED: 413,
  DEVICE_BUSY: 429,
  NODE_BUSY: 429,
  RATE_EXCEEDED: 429,
  VAULT_SEALED: 503,
  LEDGER_UNWRITABLE: 503,
  UNREACHABLE: 503,
  UPSTREAM_TIMEOUT: 504,
};

export function problemStatus(code: string): number {
  return statuses[code as ErrorCode] ?? 502;
}
