import { decodeTime } from "ulid";

/** https://github.com/ulid/spec: 26 characters, the first at most 7. */
export const ulidPattern = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

export function isUlid(text: string): boolean {
  return ulidPattern.test(text);
}

/** When it was made; null for what is none. */
export function ulidTimeMs(text: string): number | null {
  return isUlid(text) ? decodeTime(text) : null;
}
