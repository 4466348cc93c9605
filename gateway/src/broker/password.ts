import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from "node:crypto";

/**
 * Passwords of the embedded broker's users, as "scrypt$<log2 N>$<r>$<p>$<salt>$<hash>" (RFC 7914,
 * base64url). The costs are those that OWASP names for 16 MiB.
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16);
  const hash = await derive(password, salt, { N: 2 ** logCost, r: blockSize, p: parallelism });
  const numbers = [logCost, blockSize, parallelism];
  return ["scrypt", ...numbers, salt.toString("base64url"), hash.toString("base64url")].join("$");
}

/** Takes the same time for a wrong password as for a right one. */
export async function verifyPassword(password: Uint8Array, stored: string): Promise<boolean> {
  const match = passwordPattern.exec(stored);
  if (match === null) return false;
  const [, cost, r, p, salt, hash] = match as unknown as readonly string[];
  const expected = Buffer.from(hash as string, "base64url");
  const costs = { N: 2 ** Number(cost), r: Number(r), p: Number(p) };
  const actual = await derive(password, Buffer.from(salt as string, "base64url"), costs);
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}

/** What the costs may be in a users file: enough to be slow, not enough to stop the gateway. */
export const passwordPattern =
  /^scrypt\$(1[4-7])\$([1-8])\$([1-5])\$([A-Za-z0-9_-]{22})\$([A-Za-z0-9_-]{43})$/;

const logCost = 14;
const blockSize = 8;
const parallelism = 5;
const memoryBytesMax = 256 * 1024 * 1024;

function derive(
  password: string | Uint8Array,
  salt: Uint8Array,
  costs: ScryptOptions,
): Promise<Buffer> {
  return new Promise((accept, reject) =>
    scrypt(password, salt, 32, { ...costs, maxmem: memoryBytesMax }, (error, key) =>
      error === null ? accept(key) : reject(error),
    ),
  );
}
