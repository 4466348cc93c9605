import type { Signed } from "@cohort/proto/gen/cohort/node";
import { dispatchProof } from "@cohort/proto/proof";
import { createSigningKey, type SigningKey } from "../ledger/ed25519.ts";

/**
 * The key by which nodes know their coordinator: it signs dispatches, cancels and token deliveries,
 * and its public half is told to a node when it enrols. `seed` has 32 bytes and may be wiped.
 */
export function createDispatchSigner(seed: Uint8Array): SigningKey {
  return createSigningKey(seed);
}

/** `payload` is encoded Dispatches or a Cancel; `subject` the one that it will be published on. */
export function signDispatch(signer: SigningKey, subject: string, payload: Uint8Array): Signed {
  return { payload, signature: signer.sign(dispatchProof(subject, payload)) };
}
