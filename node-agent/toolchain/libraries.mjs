import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { filesBelow } from "./hash.mjs";

/**
 * How each third-party library is compiled, in place of its own build system: four build systems
 * and their tools would be slower, and would each have to be taught to cross-compile.
 *
 * @typedef {object} Library
 * @property {(root: string) => string[]} files C files to compile.
 * @property {(root: string, generated: string, hostDir: string) => string[]} flags
 * @property {(root: string, generated: string) => void} [generate] Makes headers that its build would.
 */

/** @type {Readonly<Record<string, Library>>} */
export const libraries = {
  quickjs: {
    files: (root) =>
      ["quickjs", "libregexp", "libunicode", "cutils", "dtoa"].map((name) =>
        join(root, `${name}.c`),
      ),
    flags: quickjsFlags,
    generate: quickjsHeader,
  },
  libuv1: {
    files: (root) => uvFiles.map((name) => join(root, "src", `${name}.c`)),
    flags: (root) => [`-I${join(root, "include")}`, `-I${join(root, "src")}`, "-D_GNU_SOURCE"],
  },
  mbedtls: {
    files: (root) => cFiles(join(root, "library")),
    flags: (root, _generated, hostDir) => [
      `-I${join(root, "include")}`,
      `-I${join(root, "library")}`,
      `-I${hostDir}`,
      '-DMBEDTLS_CONFIG_FILE="tls_config.h"',
    ],
  },
  libsodium: {
    files: (root) => filesBelow(join(root, "src/libsodium")).filter((name) => name.endsWith(".c")),
    flags: (root, generated) => [
      `-I${join(root, "src/libsodium/include")}`,
      `-I${join(root, "src/libsodium/include/sodium")}`,
      `-I${join(generated, "sodium")}`,
      `-I${generated}`,
      "-DCONFIGURED=1",
      "-DSODIUM_STATIC",
      "-D_GNU_SOURCE",
      ...sodiumFacts.map((name) => `-D${name}=1`),
    ],
    generate: sodiumVersion,
  },
};

/** qjsc: QuickJS's compiler from JavaScript to bytecode, run on the build machine. */
export const compilerOfScripts = {
  files: (root) => ["qjsc", "quickjs-libc"].map((name) => join(root, `${name}.c`)),
  flags: (root, generated) => [
    ...quickjsFlags(root, generated),
    // Only used by the executable output, which the build never asks for.
    '-DCONFIG_CC="cc"',
    '-DCONFIG_PREFIX="/usr"',
  ],
};

function quickjsFlags(root, generated) {
  // Wrap-around is what its integer arithmetic relies on.
  return [`-I${root}`, "-D_GNU_SOURCE", "-fwrapv", "-include", join(generated, "quickjs_build.h")];
}

/**
 * Its version, and a count of leading zeros that is 64 for zero: js_bigint_to_string1 asks it of a limb
 * that is zero where a positive number has its 64th bit set. C leaves that undefined, and the length of
 * a buffer comes of it.
 */
function quickjsHeader(root, generated) {
  const version = readFileSync(join(root, "VERSION"), "utf8").trim();
  const lines = [
    `#define CONFIG_VERSION "${version}"`,
    "#define __builtin_clzll(value) ((value) == 0 ? 64 : __builtin_clzll(value))",
  ];
  writeFileSync(join(generated, "quickjs_build.h"), `${lines.join("\n")}\n`);
}

function sodiumVersion(root, generated) {
  const configure = readFileSync(join(root, "configure.ac"), "utf8");
  const major = /^SODIUM_LIBRARY_VERSION_MAJOR=(\d+)/m.exec(configure)?.[1] ?? "0";
  const minor = /^SODIUM_LIBRARY_VERSION_MINOR=(\d+)/m.exec(configure)?.[1] ?? "0";
  const version = /AC_INIT\(\[libsodium\],\s*\[([\d.]+)\]/.exec(configure)?.[1] ?? "0";
  const template = join(root, "src/libsodium/include/sodium/version.h.in");
  mkdirSync(join(generated, "sodium"), { recursive: true });
  writeFileSync(
    join(generated, "sodium/version.h"),
    readFileSync(template, "utf8")
      .replace("@VERSION@", version)
      .replace("@SODIUM_LIBRARY_VERSION_MAJOR@", major)
      .replace("@SODIUM_LIBRARY_VERSION_MINOR@", minor)
      .replace("@SODIUM_LIBRARY_MINIMAL_DEF@", ""),
  );
}

/** What libsodium's configure would find out about musl on a little-endian 64-bit Linux. */
const sodiumFacts = [
  "NATIVE_LITTLE_ENDIAN",
  "HAVE_TI_MODE",
  "HAVE_C_VARARRAYS",
  "HAVE_CATCHABLE_SEGV",
  "HAVE_CATCHABLE_ABRT",
  "HAVE_SYS_MMAN_H",
  "HAVE_SYS_RANDOM_H",
  "HAVE_MMAP",
  "HAVE_MLOCK",
  "HAVE_MADVISE",
  "HAVE_MPROTECT",
  "HAVE_GETRANDOM",
  "HAVE_POSIX_MEMALIGN",
  "HAVE_GETPID",
  "HAVE_NANOSLEEP",
  "HAVE_PTHREAD",
  "HAVE_WEAK_SYMBOLS",
  "HAVE_ATOMIC_OPS",
  "HAVE_EXPLICIT_BZERO",
];

/** libuv's own list of sources for Linux. */
const uvFiles = [
  ..."fs-poll idna inet random strscpy strtok thread-common threadpool timer uv-common".split(" "),
  ..."uv-data-getter-setters version".split(" "),
  ..."async core dl fs getaddrinfo getnameinfo loop-watcher loop pipe poll process proctitle"
    .split(" ")
    .map((name) => `unix/${name}`),
  ..."random-devurandom random-getrandom random-sysctl-linux signal stream tcp thread tty udp"
    .split(" ")
    .map((name) => `unix/${name}`),
  ..."linux procfs-exepath".split(" ").map((name) => `unix/${name}`),
];

/** @param {string} dir */
function cFiles(dir) {
  return readdirSync(dir)
    .filter((name) => name.endsWith(".c"))
    .sort()
    .map((name) => join(dir, name));
}
