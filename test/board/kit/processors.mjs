// @ts-check

/**
 * What differs between the emulated boards.
 *
 * @typedef {object} Processor
 * @property {string} emulator
 * @property {readonly string[]} packages Debian's, of the emulator and its firmware.
 * @property {readonly string[]} machine Arguments that make it this board.
 * @property {string} console
 * @property {string} kernel Debian's package that depends on its newest kernel.
 */

/** @typedef {"riscv64" | "arm64"} BoardArch */

/** @type {Readonly<Record<BoardArch, Processor>>} */
export const processors = {
  riscv64: {
    emulator: "qemu-system-riscv64",
    packages: ["qemu-system-misc", "opensbi"],
    machine: ["-M", "virt"],
    console: "ttyS0",
    kernel: "linux-image-riscv64",
  },
  arm64: {
    emulator: "qemu-system-aarch64",
    packages: ["qemu-system-arm"],
    machine: ["-M", "virt", "-cpu", "cortex-a53"],
    console: "ttyAMA0",
    kernel: "linux-image-arm64",
  },
};
