import sodium from "libsodium-wrappers-sumo";
import { beforeAll, expect, test } from "vitest";
import { runProgram } from "./agent.ts";

beforeAll(() => sodium.ready);

const list = (bytes: Uint8Array) => `new Uint8Array(${JSON.stringify([...bytes])})`;
const seed = new Uint8Array(32).map((_, index) => index);
const message = new TextEncoder().encode("a message");

test("hash, key pairs and signatures agree with the reference library", async () => {
  const { result } = await runProgram(`
    const { crypto } = host;
    const signing = crypto.signKeyPair(${list(seed)});
    const box = crypto.boxKeyPair(${list(seed)});
    const all = [crypto.sha256(${list(message)}), signing.publicKey, signing.secretKey,
      box.publicKey, box.secretKey, crypto.sign(${list(message)}, signing.secretKey)];
    return all.map((bytes) => [...bytes]);
  `);
  const signing = sodium.crypto_sign_seed_keypair(seed);
  const box = sodium.crypto_box_seed_keypair(seed);
  const signature = sodium.crypto_sign_detached(message, signing.privateKey);
  const expected = [sodium.crypto_hash_sha256(message), signing.publicKey, signing.privateKey];
  expected.push(box.publicKey, box.privateKey, signature);
  expect(result).toEqual(expected.map((bytes) => [...bytes]));
});

test("a sealed box of the reference library opens, and no altered byte of it does", async () => {
  const pair = sodium.crypto_box_seed_keypair(seed);
  const sealed = sodium.crypto_box_seal(message, pair.publicKey);
  const { result } = await runProgram(`
    const pair = host.crypto.boxKeyPair(${list(seed)});
    const sealed = ${list(sealed)};
    const open = (bytes) => host.crypto.sealOpen(bytes, pair.publicKey, pair.secretKey);
    const altered = sealed.filter((_, at) => {
      const copy = sealed.slice();
      copy[at] ^= 1;
      return open(copy) !== null;
    });
    return { text: new TextDecoder().decode(open(sealed)), altered: altered.length,
      short: open(sealed.subarray(0, 47)) };
  `);
  expect(result).toEqual({ text: "a message", altered: 0, short: null });
});

test("verification refuses altered, malformed, non-canonical and low-order input", async () => {
  const pair = sodium.crypto_sign_seed_keypair(seed);
  const signature = sodium.crypto_sign_detached(message, pair.privateKey);
  const { result } = await runProgram(`
    const message = ${list(message)}, signature = ${list(signature)}, key = ${list(pair.publicKey)};
    const verify = host.crypto.verify;
    // S + L: the same number modulo the group's order, so a lax verifier would take it.
    const order = [0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9,
      0xde, 0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10];
    const malleable = signature.slice();
    let carry = 0;
    for (let i = 0; i < 32; i++) {
      carry += malleable[32 + i] + order[i];
      malleable[32 + i] = carry & 255;
      carry >>= 8;
    }
    const identity = new Uint8Array(32); identity[0] = 1;
    const forged = new Uint8Array(64); forged[0] = 1;
    const altered = signature.filter((_, at) => {
      const copy = signature.slice(); copy[at] ^= 1;
      return verify(message, copy, key);
    });
    return [verify(message, signature, key), altered.length, verify(message, malleable, key),
      verify(message, forged, identity), verify(message, signature.subarray(1), key),
      verify(message, signature, key.subarray(1)), verify(message, signature, new Uint8Array(32))];
  `);
  expect(result).toEqual([true, 0, false, false, false, false, false]);
});

test("a key of the wrong length is a programmer's error, not a crash", async () => {
  const { result } = await runProgram(
    `return host.crypto.sign(new Uint8Array(1), new Uint8Array(63));`,
  );
  expect(result.thrown.message).toMatch(/63 bytes where 64/);
});

test("the hash of what comes in pieces is that of the whole, and is taken once", async () => {
  const { result } = await runProgram<{ same: boolean; closed: string[] }>(`
    const whole = new Uint8Array(100_000).map((_, at) => at * 7);
    const hasher = host.crypto.hasher();
    for (let at = 0; at < whole.length; at += 4097) hasher.update(whole.subarray(at, at + 4097));
    const digest = hasher.digest();
    const code = (act) => { try { act(); return ""; } catch (error) { return error.code; } };
    return {
      same: digest.every((byte, at) => byte === host.crypto.sha256(whole)[at]),
      closed: [code(() => hasher.update(whole)), code(() => hasher.digest())],
    };
  `);
  expect(result).toEqual({ same: true, closed: ["CLOSED", "CLOSED"] });
});
