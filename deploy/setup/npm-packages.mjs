// @ts-check
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { command, SetupError } from "./command.mjs";
import { installSystemPackages, onPath } from "./system-packages.mjs";

/** Program to the Debian package that brings it: what npm needs to compile better-sqlite3. */
const buildTools = { python3: "python3", make: "make", "g++": "g++" };

/** @typedef {{ packages?: Record<string, { version?: string, integrity?: string, link?: boolean,
 *   optional?: boolean, devOptional?: boolean }> }} Lock */

/**
 * Installs what package-lock.json names, unless node_modules holds exactly that already.
 *
 * @param {string} repository
 * @param {(line: string) => void} progress
 * @returns {Promise<string>} what was done
 */
export async function ensureNpmPackages(repository, progress) {
  const wanted = readLock(join(repository, "package-lock.json"));
  const installed = readLock(join(repository, "node_modules", ".package-lock.json"));
  if (wanted === null) {
    throw new SetupError("package-lock.json is missing", { remedy: "Check the repository out again." });
  }
  if (installed !== null && holdsAll(wanted, installed)) return "installed before";
  progress("installing");
  try {
    await install(repository);
  } catch (error) {
    const missing = Object.entries(buildTools).filter(([program]) => !onPath(program));
    if (missing.length === 0) throw error;
    // No ready-made binary of better-sqlite3 could be had for this machine: compile it.
    progress("installing a compiler");
    await installSystemPackages(missing.map(([, name]) => name));
    await install(repository);
  }
  return "installed as locked";
}

/**
 * True when every package of the lock is there in its version. npm leaves out what is optional and
 * meant for other systems.
 *
 * @param {Lock} wanted
 * @param {Lock} installed
 */
export function holdsAll(wanted, installed) {
  return Object.entries(wanted.packages ?? {}).every(([path, entry]) => {
    if (!path.includes("node_modules/")) return true;
    const there = installed.packages?.[path];
    if (there === undefined) return entry.optional === true || entry.devOptional === true;
    if (entry.link === true) return there.link === true;
    return there.version === entry.version && there.integrity === entry.integrity;
  });
}

/** @param {string} repository */
function install(repository) {
  const npm = process.env["npm_execpath"];
  const program = npm !== undefined && npm.endsWith("npm-cli.js") ? [process.execPath, npm] : ["npm"];
  return command([...program, "ci", "--no-audit", "--no-fund", "--prefer-offline"], {
    what: "the npm packages could not be installed",
    remedy: "Check the network and npm's registry setting (`npm ping`), then try again.",
    directory: repository,
  });
}

/** @param {string} path @returns {Lock | null} */
function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
}
