import { mkdirSync, readFileSync, renameSync } from "node:fs";
import { cpus } from "node:os";
import { basename, dirname, join } from "node:path";
import { hashOf, sha256 } from "./hash.mjs";
import { makeOnce } from "./once.mjs";
import { makeGate, run } from "./run.mjs";

const throughGate = makeGate(cpus().length);
const remedy =
  "if this compiler is newer than Debian 13's, report the message; else check the sources";

/**
 * @typedef {object} Compiler
 * @property {string} command
 * @property {string} [name] As people know it: "gcc 14.2.0".
 * @property {string} identity Changes when an object compiled before could differ now.
 * @property {readonly string[]} flags
 * @property {import("./sbom.mjs").Part[]} [parts] What it puts into a binary of itself.
 * @property {(objects: readonly string[], archives: readonly string[], output: string) => Promise<void>} link
 */

/**
 * The machine's gcc aimed at musl: its own headers and start files are shut out by name.
 * @param {string} command
 * @param {import("./architectures.mjs").Architecture} architecture
 * @param {{sysroot: string, identity: string}} third
 * @returns {Promise<Compiler>}
 */
export async function muslCompiler(command, architecture, third) {
  const ask = async (option) =>
    (
      await run([command, option], { what: `asking ${command}`, remedy: `reinstall ${command}` })
    ).trim();
  const version = await ask("-dumpfullversion");
  const own = await ask("-print-file-name=include");
  const file = (name) => ask(`-print-file-name=${name}`);
  const include = join(third.sysroot, "usr/include");
  const lib = (name) => join(third.sysroot, "usr/lib", architecture.musl, name);
  const start = [lib("crt1.o"), lib("crti.o"), await file("crtbeginT.o")];
  const end = [await file("crtend.o"), lib("crtn.o")];
  const gccArchives = await Promise.all(
    ["libgcc.a", "libgcc_eh.a", ...architecture.archives].map(file),
  );
  const flags = [
    ...["-std=gnu11", "-Os", "-ffunction-sections", "-fdata-sections", "-fno-pie", "-nostdinc"],
    // The agent parses what untrusted peers and steps send.
    ...["-fstack-protector-strong", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"],
    // Asserts name their file: as it would be called anywhere, not on this machine.
    `-ffile-prefix-map=${dirname(third.sysroot)}/=`,
    ...["-isystem", join(include, architecture.musl), "-isystem", own],
    ...["-isystem", include, "-isystem", join(include, architecture.gnu)],
    ...architecture.flags,
  ];
  return {
    command,
    name: `gcc ${version}`,
    identity: hashOf(version, third.identity),
    flags,
    parts: [ownLibrary(version, gccArchives[0])],
    link: async (objects, archives, output) => {
      const fixed = [
        "-nostdlib",
        "-static",
        "-no-pie",
        "-Wl,--gc-sections",
        "-Wl,-s",
        "-Wl,-z,noexecstack",
      ];
      const group = [
        "-Wl,--start-group",
        ...archives,
        lib("libc.a"),
        ...gccArchives,
        "-Wl,--end-group",
      ];
      const inputs = [...start, ...objects, ...group, ...end];
      const what = `linking ${basename(output)}`;
      await run([command, ...fixed, "-o", output, ...inputs], { what, remedy });
    },
  };
}

/** The compiler's helper functions, as the machine has them.
 * @param {string} version @param {string} file */
function ownLibrary(version, file) {
  const content = sha256(readFileSync(file));
  const purl = `pkg:generic/libgcc@${version}`;
  return { name: "libgcc", version, purl, hash: { alg: "SHA-256", content } };
}

/**
 * The machine's gcc with its own C library, and the two sanitizers: a build for tests alone.
 * @param {{sysroot: string, identity: string}} third
 * @returns {Promise<Compiler>}
 */
export function sanitizingCompiler(third) {
  return nativeCompiler("gcc", third, ["-fsanitize=address,undefined"], []);
}

/**
 * The machine's clang with both sanitizers and libFuzzer, which brings its own `main`.
 * @param {{sysroot: string, identity: string}} third
 * @returns {Promise<Compiler>}
 */
export function fuzzingCompiler(third) {
  // QuickJS keeps functions of several types in one table, and calls each as what it is; mbedTLS
  // compares and copies no bytes at no address, which every C library allows.
  const without = "-fno-sanitize=function,nonnull-attribute";
  const sanitize = ["-fsanitize=address,undefined", without];
  const compileOnly = ["-fsanitize=fuzzer-no-link", "-fno-sanitize-recover=all"];
  return nativeCompiler("clang", third, sanitize, compileOnly, ["-fsanitize=fuzzer"]);
}

/**
 * @param {string} command
 * @param {{sysroot: string, identity: string}} third
 * @param {readonly string[]} sanitize
 * @param {readonly string[]} compileOnly
 * @param {readonly string[]} [linkOnly]
 * @returns {Promise<Compiler>}
 */
async function nativeCompiler(command, third, sanitize, compileOnly, linkOnly = []) {
  const version = await run([command, "--version"], {
    what: `asking ${command}`,
    remedy: `install ${command}`,
  });
  return {
    command,
    identity: hashOf(version, third.identity, "sanitize"),
    flags: [
      ...["-std=gnu11", "-O1", "-g", ...sanitize, ...compileOnly, "-fno-omit-frame-pointer"],
      // Kernel headers as new as the real build's.
      ...["-isystem", join(third.sysroot, "usr/include")],
      ...["-isystem", join(third.sysroot, "usr/include/x86_64-linux-gnu")],
    ],
    link: async (objects, archives, output) => {
      const group = ["-Wl,--start-group", ...archives, "-Wl,--end-group"];
      const libraries = ["-lm", "-ldl", "-lpthread"];
      const flags = [...sanitize, ...linkOnly, "-fno-omit-frame-pointer"];
      const what = `linking ${basename(output)}`;
      await run([command, ...flags, "-o", output, ...objects, ...group, ...libraries], {
        what,
        remedy,
      });
    },
  };
}

/**
 * Compiles files to objects, each kept under the hash of everything that could change it.
 * @param {Compiler} compiler
 * @param {{name: string, files: readonly string[], flags: readonly string[], identity: string}} unit
 * `identity` stands for the contents of the files and of every header that they can see.
 * @param {string} cacheDir
 * @returns {Promise<string[]>}
 */
export async function compile(compiler, unit, cacheDir) {
  const names = unit.files.map((file) => basename(file));
  const { identity, flags } = compiler;
  const key = hashOf(identity, ...flags, ...unit.flags, unit.identity, ...names);
  const folder = await makeOnce(join(cacheDir, "objects", `${unit.name}-${key}`), async (dir) => {
    mkdirSync(dir, { recursive: true });
    const one = (file) => {
      const output = join(dir, objectName(unit.files, file));
      const command = [
        compiler.command,
        ...compiler.flags,
        ...unit.flags,
        "-c",
        file,
        "-o",
        output,
      ];
      return throughGate(() => run(command, { what: `compiling ${basename(file)}`, remedy }));
    };
    await Promise.all(unit.files.map(one));
  });
  return unit.files.map((file) => join(folder, objectName(unit.files, file)));
}

/** Distinct even where a library has two files of one name.
 * @param {readonly string[]} files @param {string} file */
function objectName(files, file) {
  return `${files.indexOf(file)}-${basename(file, ".c")}.o`;
}

/**
 * @param {readonly string[]} objects
 * @param {string} output
 */
export async function archive(objects, output) {
  const temporary = `${output}.${process.pid}`;
  const what = `archiving ${basename(output)}`;
  await run(["ar", "rcs", temporary, ...objects], { what, remedy });
  renameSync(temporary, output);
}
