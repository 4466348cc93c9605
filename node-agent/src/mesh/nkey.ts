import { concatenate } from "../bytes.ts";

/**
 * NATS's spelling of Ed25519 keys: base32 of a prefix, the key, and a CRC-16. Only users' seeds
 * are known here. https://docs.nats.io/reference/reference-protocols/nats-server-configuration
 */
const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const seedPrefix = 18 << 3;
const userPrefix = 20 << 3;

/** "SU..." of a seed. */
export function encodeUserSeed(seed: Uint8Array): string {
  const prefix = Uint8Array.of(seedPrefix | (userPrefix >> 5), (userPrefix & 31) << 3);
  return encode(concatenate([prefix, seed]));
}

/** The 32 bytes of a "SU..." seed; null when the text is none. */
export function decodeUserSeed(text: string): Uint8Array | null {
  const raw = decodeBase32(text);
  if (raw === null || raw.length !== 36) return null;
  const body = raw.subarray(0, 34);
  const checksum = (raw[34] as number) | ((raw[35] as number) << 8);
  const prefixed = encodeUserSeed(body.subarray(2)) === text;
  return crc16(body) === checksum && prefixed ? body.slice(2) : null;
}

function encode(body: Uint8Array): string {
  const checksum = crc16(body);
  return encodeBase32(concatenate([body, Uint8Array.of(checksum & 0xff, checksum >> 8)]));
}

/** CRC-16/XMODEM. */
function crc16(bytes: Uint8Array): number {
  let remainder = 0;
  for (const byte of bytes) {
    remainder ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) {
      remainder = ((remainder << 1) ^ (remainder & 0x8000 ? 0x1021 : 0)) & 0xffff;
    }
  }
  return remainder;
}

/** RFC 4648, without padding. */
function encodeBase32(bytes: Uint8Array): string {
  let text = "";
  let bits = 0;
  let value = 0;
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xfff;
    for (bits += 8; bits >= 5; bits -= 5) text += alphabet[(value >> (bits - 5)) & 31];
  }
  return bits === 0 ? text : text + alphabet[(value << (5 - bits)) & 31];
}

function decodeBase32(text: string): Uint8Array | null {
  const bytes: number[] = [];
  let bits = 0;
  let value = 0;
  for (const character of text) {
    const digit = alphabet.indexOf(character);
    if (digit < 0) return null;
    value = ((value << 5) | digit) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      bytes.push((value >> bits) & 0xff);
    }
  }
  return Uint8Array.from(bytes);
}
