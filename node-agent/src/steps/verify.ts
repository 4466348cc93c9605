import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { Signed, SignedToken, TokenDelivery } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { attemptId, dispatchProof, tokenProof } from "@cohort/proto/proof";
import { equalBytes } from "../bytes.ts";
import type { Crypto, KeyPair } from "../host.ts";

/**
 * The payload of a signed message, when the coordinator signed it for exactly this subject. Throws
 * DISPATCH_INVALID otherwise: the bus is not trusted to say who sent what.
 */
export function openSigned(
  crypto: Crypto,
  coordinatorKey: Uint8Array,
  subject: string,
  bytes: Uint8Array,
): Uint8Array {
  const signed = decodeOrRefuse("message", () => Signed.decode(bytes));
  return openSignedMessage(crypto, coordinatorKey, subject, signed);
}

/** The same of one that is decoded already, or lacks. */
export function openSignedMessage(
  crypto: Crypto,
  coordinatorKey: Uint8Array,
  subject: string,
  signed: Signed | undefined,
): Uint8Array {
  const { payload, signature } = signed ?? { payload: nothing, signature: nothing };
  if (!crypto.verify(dispatchProof(subject, payload), signature, coordinatorKey)) {
    throw refuse("DISPATCH_INVALID", "the message is not signed by the coordinator for this node");
  }
  return payload;
}

const nothing = new Uint8Array(0);

/**
 * Opens a sealed token. A sealed box does not say who sealed it, so the coordinator's signature
 * inside names the recipient: a token that was opened elsewhere and sealed again names another.
 * Throws DISPATCH_INVALID.
 */
export function openToken(
  crypto: Crypto,
  coordinatorKey: Uint8Array,
  boxes: readonly KeyPair[],
  attempt: AttemptKey,
  sealed: Uint8Array,
): TokenDelivery {
  const { opened, publicKey } = openSealed(crypto, boxes, sealed);
  const signed = decodeOrRefuse("token", () => SignedToken.decode(opened));
  if (!crypto.verify(tokenProof(signed.payload), signed.signature, coordinatorKey)) {
    throw refuse("DISPATCH_INVALID", "the step token is not signed by the coordinator");
  }
  const delivery = decodeOrRefuse("token", () => TokenDelivery.decode(signed.payload));
  if (!equalBytes(delivery.recipient, publicKey)) {
    throw refuse("DISPATCH_INVALID", "the step token was issued to another node");
  }
  if (delivery.attempt === undefined || attemptId(delivery.attempt) !== attemptId(attempt)) {
    throw refuse("DISPATCH_INVALID", "the step token was issued for another attempt");
  }
  return delivery;
}

/** With whichever of the node's box keys it was sealed to: they change while tokens are on the way. */
function openSealed(crypto: Crypto, boxes: readonly KeyPair[], sealed: Uint8Array) {
  for (const { publicKey, secretKey } of boxes) {
    const opened = crypto.sealOpen(sealed, publicKey, secretKey);
    if (opened !== null) return { opened, publicKey };
  }
  throw refuse("DISPATCH_INVALID", "the step token is not sealed to this node");
}

/** Runs a decoder on foreign bytes. Throws DISPATCH_INVALID when they are not its message. */
export function decodeOrRefuse<Message>(what: string, decode: () => Message): Message {
  try {
    return decode();
  } catch (cause) {
    throw refuse("DISPATCH_INVALID", `the ${what} cannot be decoded`, {}, cause);
  }
}
