import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import { arch, cpus, hostname, release, totalmem } from "node:os";
import { type Devices, type Host, HostError, type HostInfo, type Sandbox } from "../src/host.ts";
import { loadCrypto } from "./crypto.ts";
import { nodeDevices } from "./devices.ts";
import { nodeFiles } from "./files.ts";
import { type OnNotify, pretendedLocal } from "./local.ts";
import { connectTls } from "./tls.ts";

export interface NodeHostOptions {
  /** What a step does: there is no real sandbox in Node. See `sandbox.ts`. */
  readonly sandbox: Sandbox;
  /** Left out, those of sysfs alone. */
  readonly devices?: Devices;
  readonly info?: Partial<HostInfo>;
  readonly onNotify?: OnNotify;
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

/**
 * The agent's Host inside Node, for tests, simulation and fleets of thousands in one process.
 * Spread it to replace a part: `{ ...host, now: () => simulatedMs }`.
 */
export async function createNodeHost(options: NodeHostOptions): Promise<Host> {
  const environment = options.environment ?? process.env;
  return {
    info: { ...machineInfo(), ...options.info },
    environment: (name) => environment[name],
    exit: (code) => process.exit(code),
    readInput: (bytesMax) => new Uint8Array(readFileSync(0)).subarray(0, bytesMax),
    restart: () => {
      throw new HostError("ENOSYS", "an agent inside Node has no other image");
    },
    endTrial: () => {},
    writeOut: (text) => void process.stdout.write(text),
    writeError: (text) => void process.stderr.write(text),
    onSignal: (handler) => {
      for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
        process.on(signal, () => handler(signal));
      }
    },
    now: () => Date.now(),
    monotonic: () => performance.now(),
    random: (length) => new Uint8Array(randomBytes(length)),
    files: nodeFiles,
    crypto: await loadCrypto(),
    connectTls,
    sandbox: options.sandbox,
    devices: options.devices ?? nodeDevices,
    local: pretendedLocal(options.onNotify),
  };
}

function machineInfo(): HostInfo {
  return {
    version: "0.1.0",
    arch: arch() === "arm64" ? "arm64" : arch() === "riscv64" ? "riscv64" : "x86_64",
    kernel: release(),
    hostname: hostname(),
    cores: cpus().length,
    memoryBytes: totalmem(),
    process: process.pid,
    user: process.geteuid?.() ?? 0,
    argv: process.argv.slice(2),
  };
}
