import { createHash, hash } from "node:crypto";
import sodium from "libsodium-wrappers-sumo";
import type { Crypto } from "../src/host.ts";

/** libsodium, as in the native host. */
export async function loadCrypto(): Promise<Crypto> {
  await sodium.ready;
  return {
    // By way of a text: Node makes a Buffer for an answer in twice the time of the hash itself.
    sha256: (bytes) => new Uint8Array(Buffer.from(hash("sha256", bytes, "binary"), "binary")),
    hasher: () => {
      const growing = createHash("sha256");
      return {
        update: (bytes) => void growing.update(bytes),
        digest: () => new Uint8Array(growing.digest()),
      };
    },
    signKeyPair: (seed) => {
      const { publicKey, privateKey } = sodium.crypto_sign_seed_keypair(seed);
      return { publicKey, secretKey: privateKey };
    },
    sign: (message, secretKey) => sodium.crypto_sign_detached(message, secretKey),
    verify: (message, signature, publicKey) => {
      if (signature.length !== 64 || publicKey.length !== 32) return false;
      return sodium.crypto_sign_verify_detached(signature, message, publicKey);
    },
    boxKeyPair: (seed) => {
      const { publicKey, privateKey } = sodium.crypto_box_seed_keypair(seed);
      return { publicKey, secretKey: privateKey };
    },
    sealOpen: (sealed, publicKey, secretKey) => {
      try {
        return sodium.crypto_box_seal_open(sealed, publicKey, secretKey);
      } catch {
        return null;
      }
    },
  };
}
