import { createHash } from "node:crypto";
import sodium from "libsodium-wrappers-sumo";
import type { Crypto } from "../src/host.ts";

/** libsodium, as in the native host. */
export async function loadCrypto(): Promise<Crypto> {
  await sodium.ready;
  return {
    sha256: (bytes) => new Uint8Array(createHash("sha256").update(bytes).digest()),
    hasher: () => {
      const hash = createHash("sha256");
      return {
        update: (bytes) => void hash.update(bytes),
        digest: () => new Uint8Array(hash.digest()),
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
