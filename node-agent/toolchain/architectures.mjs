/**
 * @typedef {object} Architecture
 * @property {string} name As `HostInfo.arch` in src/host.ts.
 * @property {string} debian Debian's name of it.
 * @property {string} gnu Prefix of the cross compiler and of the kernel's header folder.
 * @property {string} musl Name of musl's folders.
 * @property {readonly string[]} flags Compiler flags that only it needs.
 * @property {readonly string[]} archives Archives of gcc's that only it needs.
 */

/** @type {Readonly<Record<string, Architecture>>} */
export const architectures = {
  x86_64: {
    name: "x86_64",
    debian: "amd64",
    gnu: "x86_64-linux-gnu",
    musl: "x86_64-linux-musl",
    flags: [],
    archives: [],
  },
  arm64: {
    name: "arm64",
    debian: "arm64",
    gnu: "aarch64-linux-gnu",
    musl: "aarch64-linux-musl",
    // The outlined helpers ask glibc's getauxval at start, which musl's start code does not provide.
    flags: ["-mno-outline-atomics"],
    archives: [],
  },
  riscv64: {
    name: "riscv64",
    debian: "riscv64",
    gnu: "riscv64-linux-gnu",
    musl: "riscv64-linux-musl",
    flags: [],
    // QuickJS uses atomics of one and two bytes, which this instruction set lacks.
    archives: ["libatomic.a"],
  },
};

/** Node's `process.arch` as a key of the table: qjsc has to run where the build runs. */
export function buildMachine() {
  const name = { x64: "x86_64", arm64: "arm64", riscv64: "riscv64" }[process.arch];
  const machine = architectures[name ?? ""];
  if (machine === undefined) {
    throw new Error(`no toolchain for a build machine of ${process.arch}`);
  }
  return machine;
}
