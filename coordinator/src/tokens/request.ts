import type { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { requestProof } from "@cohort/proto/proof";
import { sha256 } from "../ledger/crypto.ts";
import { sodium } from "../vault/sodium.ts";

/**
 * Returns when the request is, in every part, what the holder of `signKey` (Ed25519, 32 bytes)
 * signed within `limits.proofSkewMsMax` of now. Throws PROOF_INVALID. As RFC 9449 (DPoP), with
 * headers and body; that it is not a replay is for whoever consumes (token, seq).
 */
export function verifyRequest(request: ProxyRequest, signKey: Uint8Array, nowMs: number): void {
  if (!Number.isSafeInteger(request.seq) || request.seq < 1) throw invalid("it has no number");
  if (!(Math.abs(request.atMs - nowMs) <= limits.proofSkewMsMax)) {
    throw invalid("its time is too far from the coordinator's", "Check the node's clock.");
  }
  const { token, seq, atMs, service, method, path, headers } = request;
  const bodyHash = sha256(request.body);
  const message = requestProof({ token, seq, atMs, service, method, path, headers, bodyHash });
  if (!verifyStrictly(signKey, message, request.proof))
    throw invalid("its signature does not verify");
}

/** The same, by whichever of the keys: a node has two while one takes the other's place. */
export function verifyRequestByAny(
  request: ProxyRequest,
  [signKey, ...others]: readonly [Uint8Array, ...Uint8Array[]],
  nowMs: number,
): void {
  const [next, ...rest] = others;
  try {
    verifyRequest(request, signKey, nowMs);
  } catch (error) {
    if (next === undefined) throw error;
    verifyRequestByAny(request, [next, ...rest], nowMs);
  }
}

/**
 * Ed25519 as libsodium verifies it: keys and points of low order, keys that are not canonical, and
 * scalars at or above the group's order are refused, so that nobody can make a second signature out
 * of the first, or one that fits many messages.
 */
export function verifyStrictly(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  const { crypto_sign_PUBLICKEYBYTES: keyBytes, crypto_sign_BYTES: signatureBytes } = sodium;
  if (key.length !== keyBytes || signature.length !== signatureBytes) return false;
  return sodium.crypto_sign_verify_detached(signature, message, key);
}

function invalid(reason: string, hint = ""): CohortError {
  return refuse("PROOF_INVALID", `the request's proof is not valid: ${reason}`, { hint });
}
