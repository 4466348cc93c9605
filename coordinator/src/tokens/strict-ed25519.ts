import { type KeyObject, verify } from "node:crypto";
import { publicKeyOf } from "../ledger/ed25519.ts";

/**
 * Ed25519 for foreign keys, as strict as libsodium: keys and points of low order, keys that are not
 * canonical, and scalars at or above the group's order are refused, so that nobody can make a second
 * signature out of the first, or one that fits many messages. OpenSSL sees to the scalar (RFC 8032 section
 * 5.1.7), and to the point's spelling, since it compares that with the one that it computes.
 */
export function verifyStrictly(
  key: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
): boolean {
  if (key.length !== keyBytes || signature.length !== signatureBytes) return false;
  if (isOfLowOrder(signature)) return false;
  const known = keyObjectOf(key);
  return known !== null && verify(null, message, known, signature);
}

const keyBytes = 32;
const signatureBytes = 64;

/** Keys that verified lately: to read one takes half as long as to verify by it. */
const keys = new Map<string, KeyObject>();
const keysMax = 4_096;

function keyObjectOf(key: Uint8Array): KeyObject | null {
  const id = Buffer.from(key.buffer, key.byteOffset, key.length).toString("latin1");
  const known = keys.get(id);
  if (known !== undefined) return known;
  if (!isCanonical(key) || isOfLowOrder(key)) return null;
  const made = publicKeyOf(key);
  const [oldest] = keys.keys();
  if (keys.size >= keysMax && oldest !== undefined) keys.delete(oldest);
  keys.set(id, made);
  return made;
}

/** Whether y, all but the highest bit, is below the prime 2^255 - 19. */
function isCanonical(point: Uint8Array): boolean {
  if (((point[31] as number) & 0x7f) !== 0x7f) return true;
  for (let at = 30; at > 0; at -= 1) if (point[at] !== 0xff) return true;
  return (point[0] as number) < 0xed;
}

/** The first 32 bytes, whatever their sign. */
function isOfLowOrder(point: Uint8Array): boolean {
  return lowOrder.some((it) => {
    for (let at = 0; at < 31; at += 1) if (point[at] !== it[at]) return false;
    return ((point[31] as number) & 0x7f) === it[31];
  });
}

/** y of the points of order 1, 2, 4 and 8, without the sign of x, also where it is not canonical. */
const lowOrder = [
  "0000000000000000000000000000000000000000000000000000000000000000",
  "0100000000000000000000000000000000000000000000000000000000000000",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
  "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
].map((hex) => Buffer.from(hex, "hex"));
