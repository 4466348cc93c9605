/**
 * A ULID: 48 bits of milliseconds, 80 bits of randomness, in Crockford's base 32
 * (https://github.com/ulid/spec). `random` must give unpredictable bytes.
 */
export function newEventId(nowMs: number, random: (count: number) => Uint8Array): string {
  let bits = BigInt(nowMs) & 0xffff_ffff_ffffn;
  for (const byte of random(10)) bits = (bits << 8n) | BigInt(byte);
  let text = "";
  for (let shift = 125n; shift >= 0n; shift -= 5n) text += alphabet[Number((bits >> shift) & 31n)];
  return text;
}

const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
