import { createHash } from "node:crypto";
import type { Crypto, KeyPair } from "../../node-agent/src/host.ts";

/**
 * Stands in for Ed25519 and sealed boxes, a hundred times as fast: a signature is a hash of the
 * public key and the message, a sealed box the recipient's key before the text. Nobody in a
 * simulation forges; whether messages go where they belong is still seen.
 */
export const simulatedCrypto: Crypto = {
  sha256: digest,
  hasher: () => {
    const hash = createHash("sha256");
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
  signKeyPair: keyPair,
  sign,
  verify: (message, signature, publicKey) => equal(signed(message, publicKey), signature),
  boxKeyPair: keyPair,
  sealOpen: (sealed, publicKey) =>
    equal(sealed.subarray(0, 32), publicKey) ? sealed.slice(32) : null,
};

export function seal(message: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return Buffer.concat([publicKey, message]);
}

export function keyPair(seed: Uint8Array): KeyPair {
  const publicKey = digest(Buffer.concat([Buffer.from("public"), seed]));
  return { publicKey, secretKey: new Uint8Array(Buffer.concat([seed, publicKey])) };
}

export function sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return signed(message, secretKey.subarray(32));
}

export function digest(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

function signed(message: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha512").update(publicKey).update(message).digest());
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.from(a).equals(b);
}
