import { createPrivateKey, sign } from "node:crypto";
import { fromSeed, type KeyPair, Prefix } from "@nats-io/nkeys";
import { Codec } from "@nats-io/nkeys/lib/codec.js";

/** "U..." of the 32-byte Ed25519 public key of a NATS user. */
export function userPublicKey(natsKey: Uint8Array): string {
  return new TextDecoder().decode(Codec.encode(Prefix.User, natsKey));
}

/**
 * The key pair of an nkey seed ("SO...", "SA...", "SU..."). It signs with the platform's Ed25519:
 * the library's own takes tens of milliseconds for a JWT, too long when ten thousand nodes say
 * hello.
 */
export function keyPairOf(seed: Uint8Array): KeyPair {
  const pair = fromSeed(seed);
  const publicKey = pair.getPublicKey();
  const der = Buffer.concat([privateKeyPrefix, Codec.decodeSeed(seed).buf]);
  const privateKey = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  return Object.assign(Object.create(pair) as KeyPair, {
    getPublicKey: () => publicKey,
    sign: (input: Uint8Array) => new Uint8Array(sign(null, input, privateKey)),
    // The library asks for it only to see that there is one.
    getPrivateKey: () => new Uint8Array(0),
  });
}

/** DER before the 32 bytes of an Ed25519 private key (RFC 8410 §7). */
const privateKeyPrefix = Buffer.from("302e020100300506032b657004220420", "hex");
