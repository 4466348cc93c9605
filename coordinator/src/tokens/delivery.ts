import { type AttemptKey, SignedToken, TokenDelivery } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { tokenProof } from "@cohort/proto/proof";
import type { SigningKey } from "../ledger/ed25519.ts";
import { sodium } from "../vault/sodium.ts";

/**
 * A token as it travels to its node: an encoded SignedToken in a libsodium sealed box. A sealed box
 * says nothing of its sender, so the token is signed first, together with the key that it is sealed
 * to: a node that finds another's key in it was handed a stolen token. Throws ENROL_PROOF_INVALID
 * for a box key that is none.
 */
export function sealDelivery(options: {
  readonly token: string;
  /** The node's X25519 public key. */
  readonly boxKey: Uint8Array;
  readonly attempt: AttemptKey;
  readonly expiresMs: number;
  readonly signer: SigningKey;
}): Uint8Array {
  const { token, boxKey, attempt, expiresMs, signer } = options;
  checkBoxKey(boxKey);
  const payload = TokenDelivery.encode({ token, recipient: boxKey, attempt, expiresMs }).finish();
  const signature = signer.sign(tokenProof(payload));
  return sodium.crypto_box_seal(SignedToken.encode({ payload, signature }).finish(), boxKey);
}

/**
 * Throws ENROL_PROOF_INVALID when the X25519 key has another length or is of low order: what is
 * sealed to such a key anyone can open (RFC 7748 §6.1). To be asked at enrolment already.
 */
export function checkBoxKey(boxKey: Uint8Array): void {
  if (boxKey.length !== sodium.crypto_box_PUBLICKEYBYTES || hasLowOrder(boxKey)) {
    throw refuse("ENROL_PROOF_INVALID", "the node's box key is no X25519 public key");
  }
}

/** libsodium refuses to compute the all-zero secret that such keys give with any other key. */
function hasLowOrder(boxKey: Uint8Array): boolean {
  try {
    sodium.crypto_scalarmult(anyScalar, boxKey);
    return false;
  } catch {
    return true;
  }
}

const anyScalar = new Uint8Array(32).fill(1);
