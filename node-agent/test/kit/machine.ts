import type { Host } from "../../src/host.ts";

/** A machine of a known kind, whatever runs the tests. */
export const machineHost = {
  info: {
    version: "1.0.0",
    arch: "x86_64",
    kernel: "6.12.0",
    hostname: "board",
    cores: 2,
    memoryBytes: 256 * 1024 ** 2,
    argv: [],
    process: 1,
    user: 0,
  },
} as const satisfies Partial<Host>;
