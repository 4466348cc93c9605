import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";

/** Only the user that runs Cohort may read or change what set-up writes. */
const fileMode = 0o600;
const folderMode = 0o700;

/** Replaces the file as a whole, or leaves it as it is when the text is the same. */
export function writePrivate(path: string, text: string): void {
  if (readText(path) === text) return;
  makePrivateFolder(dirname(path));
  const beside = `${path}.${randomBytes(6).toString("hex")}`;
  writeFileSync(beside, text, { mode: fileMode, flag: "wx", flush: true });
  renameSync(beside, path);
}

export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: folderMode });
}

/** Null when there is no such file. */
export function readText(path: string): string | null {
  return existsSync(path) ? readFileSync(path, "utf8") : null;
}
