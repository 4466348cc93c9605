import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileIn, openDebian, suite } from "./debian.mjs";
import { hashOf } from "./hash.mjs";
import { makeOnce } from "./once.mjs";
import { sourcePart, sysrootParts } from "./parts.mjs";
import { run } from "./run.mjs";

const packages = ["quickjs", "libuv1", "mbedtls", "libsodium"];
const sysrootPackages = ["musl", "musl-dev", "linux-libc-dev"];
const remedy = "remove .cohort/cache and run the build again";

/**
 * Third-party sources and the C library of one architecture, unpacked. Nothing of it is committed;
 * apt checks the signatures when it downloads.
 * @param {import("./architectures.mjs").Architecture} architecture
 * @param {string} cacheDir
 * @param {(line: string) => void} log
 * @returns {Promise<{sources: Record<string, string>, sysroot: string, identity: string,
 *   parts: import("./sbom.mjs").Part[]}>}
 */
export async function prepareSources(architecture, cacheDir, log) {
  const sourcesDir = join(cacheDir, `sources-${suite}`);
  const sysroot = join(cacheDir, `sysroot-${suite}-${architecture.name}`);
  if (!existsSync(sourcesDir) || !existsSync(sysroot)) {
    const debian = await openDebian(architecture, cacheDir, log);
    await makeOnce(sourcesDir, async (dir) => {
      log(`downloading the sources of ${packages.join(", ")}`);
      await debian.downloadSources(packages, dir);
      for (const name of packages) await unpackSource(name, dir);
    });
    await makeOnce(sysroot, async (dir) => {
      log(`downloading ${sysrootPackages.join(", ")} for ${architecture.debian}`);
      await debian.download(sysrootPackages, dir);
      for (const name of sysrootPackages) {
        const what = `unpacking ${name}`;
        await run(["dpkg", "-x", fileIn(dir, new RegExp(`^${name}_.*\\.deb$`)), dir], {
          what,
          remedy,
        });
      }
    });
  }
  const described = packages.map((name) => readFileSync(fileIn(sourcesDir, dscOf(name)), "utf8"));
  return {
    sources: Object.fromEntries(packages.map((name) => [name, join(sourcesDir, name)])),
    sysroot,
    parts: [...described.map(sourcePart), ...sysrootParts(sysroot)],
    identity: hashOf(...described, fileIn(sysroot, /^musl-dev_/), fileIn(sysroot, /^linux-libc-/)),
  };
}

/** @param {string} name */
const dscOf = (name) => new RegExp(`^${name}_.*\\.dsc$`);

/**
 * Orig tar, Debian's folder over it, Debian's patches (security fixes among them) in series order.
 * @param {string} name
 * @param {string} dir
 */
async function unpackSource(name, dir) {
  const folder = join(dir, name);
  mkdirSync(folder);
  const unpack = (archive, extra) =>
    run(["tar", "-C", folder, ...extra, "-xf", archive], { what: `unpacking ${name}`, remedy });
  await unpack(fileIn(dir, new RegExp(`^${name}_.*\\.orig\\.tar\\.`)), ["--strip-components=1"]);
  await unpack(fileIn(dir, new RegExp(`^${name}_.*\\.debian\\.tar\\.`)), []);
  const series = join(folder, "debian/patches/series");
  const lines = existsSync(series) ? readFileSync(series, "utf8").split("\n") : [];
  for (const line of lines.map((text) => text.replace(/#.*/, "").trim()).filter(Boolean)) {
    await run(
      ["patch", "-d", folder, "-p1", "--quiet", "-i", join(folder, "debian/patches", line)],
      {
        what: `applying Debian's patch ${line} to ${name}`,
        remedy,
      },
    );
  }
  // A nested build tree would only slow every later look into this folder.
  rmSync(join(folder, "debian"), { recursive: true });
}
