import { createPublicKey, type KeyObject, verify } from "node:crypto";
import { promisify } from "node:util";
import { sodium } from "../vault/sodium.ts";

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

/**
 * The same in another thread, for what comes often. libsodium judges the key, once; OpenSSL, which would
 * take a bad one, refuses bad scalars, and a point of low order under a good key fits no message but for
 * who has the key.
 */
export async function verifyStrictlyBeside(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  const judged = judgedKeys.get(key) ?? judge(key);
  judgedKeys.set(key, judged);
  if (judged === "bad" || signature.length !== sodium.crypto_sign_BYTES) return false;
  return verifyInPool(null, message, judged, signature);
}

const verifyInPool = promisify(verify) as unknown as (
  algorithm: null,
  ...rest: [message: Uint8Array, key: KeyObject, signature: Uint8Array]
) => Promise<boolean>;

/** Nobody changes the bytes of a node's key: another key is another array. */
const judgedKeys = new WeakMap<Uint8Array, KeyObject | "bad">();

function judge(key: Uint8Array): KeyObject | "bad" {
  const isGood =
    key.length === sodium.crypto_sign_PUBLICKEYBYTES &&
    sodium.crypto_core_ed25519_is_valid_point(key);
  if (!isGood) return "bad";
  const x = Buffer.from(key).toString("base64url");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x }, format: "jwk" });
}
