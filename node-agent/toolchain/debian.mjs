import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { privateApt } from "../../deploy/setup/apt.mjs";

/** The suite that all four libraries and musl are taken from, for every architecture alike. */
export const suite = "trixie";

/**
 * Debian's packages for one architecture, through an apt of the project's own.
 * @param {import("./architectures.mjs").Architecture} architecture
 * @param {string} cacheDir
 * @param {(line: string) => void} log
 */
export async function openDebian(architecture, cacheDir, log) {
  const apt = privateApt({
    directory: join(cacheDir, `apt-${suite}-${architecture.debian}`),
    suite,
    types: ["deb", "deb-src"],
    architecture: architecture.debian,
  });
  log(`reading the package lists of Debian ${suite}`);
  await apt.update();
  return apt;
}

/** @param {string} dir @param {RegExp} pattern @returns {string} The one file that matches. */
export function fileIn(dir, pattern) {
  const name = existsSync(dir) ? readdirSync(dir).find((entry) => pattern.test(entry)) : undefined;
  if (name === undefined) throw new Error(`no file like ${pattern} in ${dir}`);
  return join(dir, name);
}
