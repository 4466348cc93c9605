import { createPrivateKey, createPublicKey, sign, verify } from "node:crypto";

/** A key that signs with Ed25519 (RFC 8032). */
export interface SigningKey {
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** The signature, 64 bytes; the same message gives the same signature. */
  readonly sign: (message: Uint8Array) => Uint8Array;
}

/** `seed` is the 32-byte private key of RFC 8032 §5.1.5; it is not kept, and may be wiped. */
export function createSigningKey(seed: Uint8Array): SigningKey {
  if (seed.length !== 32) throw new RangeError(`an Ed25519 seed has 32 bytes, not ${seed.length}`);
  const der = Buffer.concat([privateKeyPrefix, seed]);
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  const publicDer = createPublicKey(key).export({ format: "der", type: "spki" });
  return {
    publicKey: new Uint8Array(publicDer.subarray(publicKeyPrefix.length)),
    sign: (message) => new Uint8Array(sign(null, message, key)),
  };
}

/**
 * For signatures by keys of Cohort's own, such as those under checkpoints. False, never an
 * exception, for what is malformed. A foreign party's key needs tokens/foreign-signature.ts.
 */
export function verifySignature(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (publicKey.length !== 32 || signature.length !== 64) return false;
  const der = Buffer.concat([publicKeyPrefix, publicKey]);
  return verify(null, message, { key: der, format: "der", type: "spki" }, signature);
}

/** DER before the 32 bytes of an Ed25519 key (RFC 8410 §4 and §7). */
const publicKeyPrefix = Buffer.from("302a300506032b6570032100", "hex");
const privateKeyPrefix = Buffer.from("302e020100300506032b657004220420", "hex");
