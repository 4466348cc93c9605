import { randomBytes } from "node:crypto";
import sodium from "libsodium-wrappers-sumo";
import { beforeAll, describe, expect, it } from "vitest";
import { verifyStrictly } from "../../src/tokens/strict-ed25519.ts";

beforeAll(() => sodium.ready);

// What is malformed in other ways is refused in request.test.ts (attack 15).
describe("the verifier of foreign signatures", () => {
  const prime = 2n ** 255n - 19n;
  const signed = () => {
    const { publicKey, privateKey } = sodium.crypto_sign_keypair();
    const message = randomBytes(40);
    const signature = sodium.crypto_sign_detached(message, privateKey);
    return { key: publicKey, message, signature };
  };
  const agrees = ({ key, message, signature }: ReturnType<typeof signed>) => {
    const verdict = verifyStrictly(key, message, signature);
    expect(verdict).toBe(sodium.crypto_sign_verify_detached(signature, message, key));
    return verdict;
  };

  it("takes what libsodium signs, by one key or by many", () => {
    for (let count = 0; count < 50; count += 1) expect(agrees(signed())).toBe(true);
    const { privateKey, publicKey: key } = sodium.crypto_sign_keypair();
    for (const message of [randomBytes(0), randomBytes(1), randomBytes(5_000)]) {
      const signature = sodium.crypto_sign_detached(message, privateKey);
      expect(agrees({ key, message, signature })).toBe(true);
    }
  });

  it("refuses what libsodium refuses, whichever bit of key or signature is turned", () => {
    for (let bit = 0; bit < 512; bit += 1) {
      const it = signed();
      const turn = (bytes: Uint8Array) => {
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
      };
      turn(it.signature);
      expect(agrees(it)).toBe(false);
      if (bit >= 256) continue;
      turn(it.signature);
      turn(it.key);
      expect(agrees(it)).toBe(false);
    }
  });

  it("refuses keys and points at the field's prime as libsodium does, and what is none", () => {
    for (let distance = -20n; distance < 19n; distance += 1n) {
      const hex = (prime + distance).toString(16).padStart(64, "0");
      const point = new Uint8Array(Buffer.from(hex, "hex").reverse());
      const it = signed();
      agrees({ ...it, key: point });
      it.signature.set(point);
      agrees(it);
    }
    const { key, message, signature } = signed();
    expect(verifyStrictly(key.subarray(1), message, signature)).toBe(false);
    expect(verifyStrictly(key, message, signature.subarray(1))).toBe(false);
    expect(verifyStrictly(new Uint8Array(0), message, new Uint8Array(0))).toBe(false);
  });
});
