// @ts-check
import { existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { paths } from "../../../deploy/setup/paths.mjs";
import { installSystemPackages, onPath } from "../../../deploy/setup/system-packages.mjs";
import { architectures } from "../../../node-agent/toolchain/architectures.mjs";
import { fileIn, openDebian, suite } from "../../../node-agent/toolchain/debian.mjs";
import { alone, makeOnce } from "../../../node-agent/toolchain/once.mjs";
import { run } from "../../../node-agent/toolchain/run.mjs";
import { processors } from "./processors.mjs";

/** @typedef {import("./processors.mjs").BoardArch} BoardArch */
/** @typedef {(line: string) => void} Log */

/**
 * Debian's kernel and static busybox of one processor, unpacked.
 *
 * @typedef {object} DebianParts
 * @property {string} kernel
 * @property {string} busybox
 * @property {string} modules Folder of the kernel's modules, compressed as Debian ships them.
 */

const remedy = "Remove .cohort/cache/board-* and try again.";

/** Programs that lay a board out, and the packages that bring them. */
const programs = { mke2fs: "e2fsprogs", xz: "xz-utils", "dpkg-deb": "dpkg" };

/**
 * All that a board of this processor is made of, but for the agent: the emulator is installed where it
 * is missing, Debian's packages are downloaded once. apt checks the signatures.
 *
 * @param {BoardArch} arch
 * @param {Log} log
 * @returns {Promise<DebianParts>}
 */
export async function provideBoard(arch, log) {
  const { emulator, packages } = processors[arch];
  const missing = Object.entries(programs).filter(([name]) => !onPath(name));
  const wanted = [...missing.map(([, name]) => name), ...(onPath(emulator) ? [] : packages)];
  if (wanted.length > 0) {
    log(`installing ${wanted.join(", ")}`);
    await installSystemPackages(wanted);
  }
  const { cache } = paths();
  const target = join(cache, `board-${suite}-${arch}`);
  if (!existsSync(target)) {
    await alone(join(cache, "locks", `board-${arch}`), log, () =>
      makeOnce(target, (folder) => download(arch, cache, folder, log)),
    );
  }
  const modules = join(target, "usr/lib/modules");
  return {
    kernel: fileIn(join(target, "boot"), /^vmlinu[xz]-/),
    busybox: join(target, "usr/bin/busybox"),
    modules: join(modules, readdirSync(modules)[0] ?? ""),
  };
}

/** @param {BoardArch} arch @param {string} cache @param {string} folder @param {Log} log */
async function download(arch, cache, folder, log) {
  const architecture = architectures[arch];
  if (architecture === undefined) throw new Error(`the toolchain does not know ${arch}`);
  const debian = await openDebian(architecture, cache, log);
  const { kernel } = processors[arch];
  await debian.download([kernel], folder);
  const newest = await kernelBehind(archiveOf(folder, kernel));
  log(`downloading ${newest} and busybox-static`);
  await debian.download([newest, "busybox-static"], folder);
  for (const name of [newest, "busybox-static"]) {
    const what = `unpacking ${name}`;
    await run(["dpkg-deb", "-x", archiveOf(folder, name), folder], { what, remedy });
  }
  const archives = readdirSync(folder).filter((name) => name.endsWith(".deb"));
  for (const name of archives) rmSync(join(folder, name));
}

/** @param {string} folder @param {string} name of a package */
function archiveOf(folder, name) {
  return fileIn(folder, new RegExp(`^${name.replaceAll(/[.+]/g, "\\$&")}_`));
}

/** The package that a meta package stands for. @param {string} archive */
async function kernelBehind(archive) {
  const what = "reading what the kernel's package depends on";
  const depends = await run(["dpkg-deb", "-f", archive, "Depends"], { what, remedy });
  const name = /linux-image-[^\s,(]+/.exec(depends)?.[0];
  if (name === undefined) throw new Error(`${archive} depends on no kernel: ${depends}`);
  return name;
}
