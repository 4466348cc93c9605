import { accessSync, constants } from "node:fs";
import { join } from "node:path";
import { run } from "./run.mjs";

/** Command to the Debian package that brings it. */
const commands = {
  gcc: "gcc",
  ar: "binutils",
  patch: "patch",
  xz: "xz-utils",
  bzip2: "bzip2",
  tar: "tar",
  dpkg: "dpkg",
};

/**
 * Makes sure that the compiler and the unpackers are there, by apt where that needs no question.
 * @param {import("./architectures.mjs").Architecture} architecture
 * @param {string} compiler
 * @param {(line: string) => void} log
 */
export async function ensurePrerequisites(architecture, compiler, log) {
  const cross =
    compiler === "gcc" ? {} : { [compiler]: `gcc-${architecture.gnu.replace("_", "-")}` };
  const needed = Object.entries({ ...commands, ...cross });
  const missing = needed.filter(([command]) => !onPath(command)).map(([, name]) => name);
  if (!readable("/usr/share/keyrings/debian-archive-keyring.gpg")) {
    missing.push("debian-archive-keyring");
  }
  await ensurePackages([...new Set(missing)], log);
}

/**
 * Installs Debian packages, by apt where that needs no question.
 * @param {readonly string[]} packages
 * @param {(line: string) => void} log
 */
export async function ensurePackages(packages, log) {
  if (packages.length === 0) return;
  log(`installing ${packages.join(", ")}`);
  const root = process.getuid?.() === 0 ? [] : ["sudo", "-n"];
  const remedy = `as root: apt-get update && apt-get install ${packages.join(" ")}`;
  const what = `installing ${packages.join(", ")}`;
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run([...root, "apt-get", "-q", "update"], { what, remedy, env });
  const install = ["apt-get", "-q", "-y", "--no-install-recommends", "install", ...packages];
  await run([...root, ...install], { what, remedy, env });
}

/** @param {string} command */
export function onPath(command) {
  const folders = (process.env.PATH ?? "").split(":");
  return folders.some((folder) => readable(join(folder, command), constants.X_OK));
}

/** @param {string} path @param {number} [mode] */
function readable(path, mode = constants.R_OK) {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    return false;
  }
}
