// @ts-check
import { mkdirSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { SetupError } from "./command.mjs";
import { paths } from "./paths.mjs";

/** Node's name of a processor to the agent's. @type {Readonly<Record<string, string>>} */
const architectures = { x64: "x86_64", arm64: "arm64", riscv64: "riscv64" };

/** Where the agent's binary for a machine, this one unless told, lies once it is built. */
export function agentPath(arch = architecture()) {
  return join(paths().agent, arch, "cohort-agent");
}

/**
 * Builds the agent for a machine, this one unless told, from Debian's source packages; unless nothing
 * changed.
 *
 * @param {(line: string) => void} progress
 * @returns {Promise<string>} what was built
 */
export async function ensureAgent(progress, arch = architecture()) {
  // Lazily: the toolchain uses npm packages, which an earlier phase installs.
  const { buildAgent } = await import("../../node-agent/toolchain/build.mjs");
  const outFile = agentPath(arch);
  mkdirSync(dirname(outFile), { recursive: true });
  try {
    await buildAgent({ arch, cacheDir: paths().cache, outFile, log: progress });
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    // A failed command of the toolchain names itself and its remedy already.
    if (/^ *remedy: /m.test(message)) throw cause;
    throw new SetupError("the agent could not be built", {
      command: `node node-agent/toolchain/build.mjs --arch ${arch}`,
      output: message,
      remedy: "Mend what the lines above name, or remove .cohort/cache, then try again.",
      cause,
    });
  }
  return `${arch}, ${(statSync(outFile).size / 1e6).toFixed(2)} MB`;
}

function architecture() {
  const name = architectures[process.arch];
  if (name !== undefined) return name;
  throw new SetupError(`there is no agent for a processor of ${process.arch}`, {
    remedy: `Run this on ${Object.values(architectures).join(", ")}.`,
  });
}
