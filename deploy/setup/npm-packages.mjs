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
    throw new SetupError("package-lock.json is missing", {
      remedy: "Check the repository out again.",
    });
  }
  if (installed !== null && holdsAll(wanted, installed)) return "installed before";
  progress("installing");
  try {
    await install(repository);
  } catch (error) {
    const missing = Object.entries(buildTools).filter(([program]) => !onPath(program));
    const compiling = error instanceof SetupError && error.output.includes("gyp ERR!");
    if (!compiling || missing.length === 0) throw error;
    // No ready-made binary of better-sqlite3 could be had for this machine: compile it.
    progress("installing a compiler");
    await installSystemPackages(missing.map(([, name]) => name));
    progress("compiling better-sqlite3");
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
async function install(repository) {
  try {
    await npm(repository, ["ci"]);
  } catch (error) {
    if (!(error instanceof SetupError) || !error.output.includes("npm error code EUSAGE"))
      throw error;
    // `npm ci` refuses a lock that leaves out optional packages of other systems, as some registries
    // do; `npm install` takes the same versions from it and passes over those.
    await npm(repository, ["install", "--no-save"]);
  }
}

/** @param {string} repository @param {string[]} argv */
function npm(repository, argv) {
  const path = process.env["npm_execpath"];
  const program = path?.endsWith("npm-cli.js") ? [process.execPath, path] : ["npm"];
  return command([...program, ...argv, "--no-audit", "--no-fund"], {
    what: "the npm packages could not be installed",
    remedy: "Check the network and npm's registry setting (`npm ping`), then try again.",
    directory: repository,
    // For better-sqlite3, should it be compiled: its -O3 takes half as long again.
    environment: { CFLAGS: "-O2", CXXFLAGS: "-O2" },
  });
}

/** @param {string} path @returns {Lock | null} */
function readLock(path) {
  return existsSync(path) ? JSON.parse(readFileSync(path, "utf8")) : null;
}
