import { type Dirent, readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";

/** One way in which a secret may be spelt. */
export interface Spelling {
  readonly name: string;
  readonly bytes: Buffer;
}

/** Every spelling that is looked for: a secret that leaks rarely leaks as it was typed. */
export function spellingsOf(secret: string | Buffer): Spelling[] {
  const plain = Buffer.from(secret);
  const half = Math.floor(plain.length / 2);
  const each = (spell: (byte: number) => string) => [...plain].map(spell).join("");
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  const texts: Record<string, string | Buffer> = {
    raw: plain,
    "first half": plain.subarray(0, half),
    "second half": plain.subarray(half),
    hex: each(hex),
    "hex, upper case": each(hex).toUpperCase(),
    percent: each((byte) => `%${hex(byte)}`),
    "percent, upper case": each((byte) => `%${hex(byte).toUpperCase()}`),
    "JSON-escaped": each((byte) => `\\u00${hex(byte)}`),
    "JSON-escaped, upper case": each((byte) => `\\u00${hex(byte).toUpperCase()}`),
    "Go-escaped": each((byte) => `\\x${hex(byte)}`),
  };
  for (const shift of [0, 1, 2]) {
    texts[`base64, shifted by ${shift}`] = base64Core(plain, shift, "base64");
    texts[`base64url, shifted by ${shift}`] = base64Core(plain, shift, "base64url");
  }
  const spellings = Object.entries(texts).map(([name, it]) => ({
    name,
    bytes: Buffer.from(it as string),
  }));
  const wide = Buffer.from(plain.toString("latin1"), "utf16le");
  return [...spellings, { name: "UTF-16", bytes: wide }];
}

/** The characters that depend on the secret alone, `shift` bytes after something else. */
function base64Core(plain: Buffer, shift: number, encoding: "base64" | "base64url"): string {
  const text = Buffer.concat([Buffer.alloc(shift), plain]).toString(encoding);
  const from = Math.ceil((shift * 8) / 6);
  const to = Math.floor(((shift + plain.length) * 8) / 6);
  return text.slice(from, to);
}

/** Names of the spellings that the bytes hold. */
export function searchBytes(bytes: Buffer, spellings: readonly Spelling[]): string[] {
  return spellings.filter((it) => bytes.includes(it.bytes)).map(({ name }) => name);
}

/** "path: spelling" for each that a file below the folder holds, in its name or its content. */
export function searchFiles(folder: string, spellings: readonly Spelling[]): string[] {
  return filesBelow(folder).flatMap((path) => {
    const content = Buffer.concat([Buffer.from(`${path}\n`), readFileSync(path)]);
    return searchBytes(content, spellings).map((name) => `${relative(folder, path)}: ${name}`);
  });
}

export function filesBelow(folder: string): string[] {
  const path = (it: Dirent) => join(it.parentPath, it.name);
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((it) => it.isFile())
    .map(path);
}
