import type { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { pieceProof, requestProof } from "@cohort/proto/proof";
import { sha256 } from "../ledger/crypto.ts";
import type { VerifyPiece } from "../proxy/body.ts";
import { sodium } from "../vault/sodium.ts";

/**
 * Returns when the request is, in every part, what the holder of `signKey` (Ed25519, 32 bytes)
 * signed within `limits.proofSkewMsMax` of now. Throws PROOF_INVALID. As RFC 9449 (DPoP), with
 * headers and the first piece of the body; what it gives verifies the others. That it is not a replay is for whoever consumes (token, seq).
 */
export function verifyRequest(
  request: ProxyRequest,
  signKey: Uint8Array,
  nowMs: number,
): VerifyPiece {
  if (!Number.isSafeInteger(request.seq) || request.seq < 1) throw invalid("it has no number");
  if (!(Math.abs(request.atMs - nowMs) <= limits.proofSkewMsMax)) {
    throw invalid("its time is too far from the coordinator's", "Check the node's clock.");
  }
  const message = requestProof({ ...request, bodyHash: sha256(request.body) });
  if (!verifyStrictly(signKey, message, request.proof))
    throw invalid("its signature does not verify");
  return pieceVerifier(signKey, request.proof);
}

/** The same, by whichever of the keys: a node has two while one takes the other's place. */
export function verifyRequestByAny(
  request: ProxyRequest,
  [signKey, ...others]: readonly [Uint8Array, ...Uint8Array[]],
  nowMs: number,
): VerifyPiece {
  const [next, ...rest] = others;
  try {
    return verifyRequest(request, signKey, nowMs);
  } catch (error) {
    if (next === undefined) throw error;
    return verifyRequestByAny(request, [next, ...rest], nowMs);
  }
}

/** Each piece is signed together with the proof before it, so that they have one order and one end. */
function pieceVerifier(signKey: Uint8Array, first: Uint8Array): VerifyPiece {
  let former = first;
  return ({ data, last, proof }) => {
    const message = pieceProof({ former, last, dataHash: sha256(data) });
    if (!verifyStrictly(signKey, message, proof)) {
      throw invalid("a piece of its body is not the one that follows");
    }
    former = proof;
  };
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
