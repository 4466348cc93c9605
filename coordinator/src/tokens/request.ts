import type { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type CohortError, refuse } from "@cohort/proto/problem";
import { pieceProof, requestProof } from "@cohort/proto/proof";
import { sha256 } from "../ledger/crypto.ts";
import type { VerifyPiece } from "../proxy/body.ts";
import { verifyStrictlyBeside } from "./foreign-signature.ts";

/**
 * Resolves when the request is, in every part, what the holder of `signKey` (Ed25519, 32 bytes)
 * signed within `limits.proofSkewMsMax` of now. Rejects with PROOF_INVALID. As RFC 9449 (DPoP), with
 * headers and the first piece of the body; what it gives verifies the others. That it is not a replay is for whoever consumes (token, seq).
 */
export async function verifyRequest(
  request: ProxyRequest,
  signKey: Uint8Array,
  nowMs: number,
): Promise<VerifyPiece> {
  if (!Number.isSafeInteger(request.seq) || request.seq < 1) throw invalid("it has no number");
  if (!(Math.abs(request.atMs - nowMs) <= limits.proofSkewMsMax)) {
    throw invalid("its time is too far from the coordinator's", "Check the node's clock.");
  }
  const message = requestProof({ ...request, bodyHash: sha256(request.body) });
  if (!(await verifyStrictlyBeside(signKey, message, request.proof)))
    throw invalid("its signature does not verify");
  return pieceVerifier(signKey, request.proof);
}

/** The same, by whichever of the keys: a node has two while one takes the other's place. */
export async function verifyRequestByAny(
  request: ProxyRequest,
  [signKey, ...others]: readonly [Uint8Array, ...Uint8Array[]],
  nowMs: number,
): Promise<VerifyPiece> {
  const [next, ...rest] = others;
  try {
    return await verifyRequest(request, signKey, nowMs);
  } catch (error) {
    if (next === undefined) throw error;
    return verifyRequestByAny(request, [next, ...rest], nowMs);
  }
}

/** Each piece is signed together with the proof before it, so that they have one order and one end. */
function pieceVerifier(signKey: Uint8Array, first: Uint8Array): VerifyPiece {
  let former = first;
  return async ({ data, last, proof }) => {
    const message = pieceProof({ former, last, dataHash: sha256(data) });
    if (!(await verifyStrictlyBeside(signKey, message, proof))) {
      throw invalid("a piece of its body is not the one that follows");
    }
    former = proof;
  };
}

function invalid(reason: string, hint = ""): CohortError {
  return refuse("PROOF_INVALID", `the request's proof is not valid: ${reason}`, { hint });
}
