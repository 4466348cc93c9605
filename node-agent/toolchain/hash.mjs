import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Short name of content: enough bits that two inputs never meet, short enough for a folder.
 * @param {...(string | Uint8Array)} parts */
export function hashOf(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(`${part.length}:`).update(part);
  return hash.digest("hex").slice(0, 24);
}

/** @param {string | Uint8Array} bytes */
export function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Hash over names and contents of every file below the given files and folders.
 * @param {readonly string[]} roots
 * @param {(name: string) => boolean} [keep] */
export function hashTree(roots, keep = () => true) {
  const parts = [];
  for (const path of roots.flatMap((root) => filesBelow(root))) {
    if (keep(path)) parts.push(path, readFileSync(path));
  }
  return hashOf(...parts);
}

/** @param {string} path @returns {string[]} Files, sorted; a file is itself, an absent path nothing. */
export function filesBelow(path) {
  let entries;
  try {
    entries = readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOTDIR") return [path];
    if (error.code === "ENOENT") return [];
    throw error;
  }
  return entries
    .filter((entry) => entry.name !== "node_modules" && entry.name !== "dist")
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const child = join(path, entry.name);
      if (entry.isDirectory()) return filesBelow(child);
      return entry.isFile() ? [child] : [];
    });
}
