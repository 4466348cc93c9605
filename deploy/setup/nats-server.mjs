// @ts-check
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { privateApt } from "./apt.mjs";
import { command, SetupError } from "./command.mjs";

/** Oldest release that has all that the mesh needs of operator mode and JetStream. */
export const natsServerMinimum = "2.10.0";

/** Debian suites that carry a new enough one, oldest first. */
const suites = ["trixie", "forky", "sid"];

/** @typedef {{ path: string, version: string, origin: "path" | "cache" }} NatsServer */

/**
 * The nats-server to run: from PATH, else from the project's cache, else null. A version that is too
 * old is passed over.
 *
 * @param {{ cache: string, searchPath?: string, versionOf?: (path: string) => string | null }} options
 * @returns {NatsServer | null}
 */
export function findNatsServer({
  cache,
  searchPath = process.env["PATH"] ?? "",
  versionOf = askVersion,
}) {
  const fromPath = searchPath
    .split(delimiter)
    .filter(Boolean)
    .map((folder) => ({
      path: join(folder, "nats-server"),
      origin: /** @type {const} */ ("path"),
    }));
  const cached = { path: cachedPath(cache), origin: /** @type {const} */ ("cache") };
  for (const { path, origin } of [...fromPath, cached]) {
    const version = existsSync(path) ? versionOf(path) : null;
    if (version !== null && isNewEnough(version)) return { path, version, origin };
  }
  return null;
}

/**
 * Finds nats-server, or downloads it from Debian into the cache.
 *
 * @param {{ cache: string, log?: (line: string) => void }} options
 * @returns {Promise<NatsServer>}
 */
export async function ensureNatsServer({ cache, log = () => {} }) {
  const found = findNatsServer({ cache });
  if (found !== null) return found;
  /** @type {unknown} */
  let cause;
  for (const suite of suites) {
    log(`downloading from Debian's ${suite}`);
    try {
      await download(cache, suite);
      const downloaded = findNatsServer({ cache });
      if (downloaded !== null) return downloaded;
    } catch (error) {
      cause ??= error;
    }
  }
  throw new SetupError(`no nats-server of at least ${natsServerMinimum} was found or downloaded`, {
    command: cause instanceof SetupError ? cause.command : "",
    output: cause instanceof SetupError ? `${cause.message}\n${cause.output}` : String(cause ?? ""),
    remedy: `Install nats-server ${natsServerMinimum} or newer and put it on PATH, then try again.`,
    cause,
  });
}

/** "nats-server: v2.10.27" to "2.10.27"; null when the text is none. @param {string} text */
export function parseVersion(text) {
  return /^nats-server: v?(\d+\.\d+\.\d+)/m.exec(text)?.[1] ?? null;
}

/** @param {string} version */
export function isNewEnough(version) {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [majorMinimum = 0, minorMinimum = 0] = natsServerMinimum.split(".").map(Number);
  return major > majorMinimum || (major === majorMinimum && minor >= minorMinimum);
}

/** @param {string} path */
function askVersion(path) {
  try {
    return parseVersion(execFileSync(path, ["--version"], { encoding: "utf8", timeout: 10_000 }));
  } catch {
    return null;
  }
}

/** @param {string} cache */
function cachedPath(cache) {
  return join(cache, "nats-server", "usr", "sbin", "nats-server");
}

/** @param {string} cache @param {string} suite */
async function download(cache, suite) {
  const apt = privateApt({ directory: join(cache, "apt", suite), suite });
  await apt.update();
  const [file] = await apt.download(["nats-server"]);
  if (file === undefined) throw new Error("apt left no package");
  const unpacked = join(cache, `nats-server.${process.pid}`);
  mkdirSync(unpacked, { recursive: true });
  await command(["dpkg-deb", "-x", file, unpacked], {
    what: "the package of nats-server could not be unpacked",
    remedy: "Free some disk space, then try again.",
  });
  rmSync(join(cache, "nats-server"), { recursive: true, force: true });
  renameSync(unpacked, join(cache, "nats-server"));
  rmSync(dirname(file), { recursive: true });
}
