import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { buildAgent } from "../../../node-agent/toolchain/build.mjs";
import type { TestMesh } from "../../kit/mesh.ts";

/** Where the agent under measurement runs: this machine, or an emulated board. */
export interface Machine {
  readonly arch: string;
  readonly mesh: TestMesh;
  readonly binaryBytes: number;
  /** Ms from start to the agent's word that it is connected; it goes on running. */
  start(): Promise<number>;
  stop(): Promise<void>;
  residentBytes(): Promise<number>;
  /** What the agent's connection has carried, both ways. */
  socketBytes(): number;
  /** Ms that `sandbox-start.ts` took to have a step's program run, each time. */
  sandboxStarts(): Promise<number[]>;
  close(): Promise<void>;
}

export const node = "bench-01";

/** What `sandbox-start.ts` printed. */
export function parseStarts(output: string): number[] {
  return JSON.parse(output.trim().split("\n").at(-1) ?? "") as number[];
}

/** The agent's binary with `sandbox-start.ts` in place of its main. */
export async function buildSandboxStart(arch: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "cohort-bench-"));
  try {
    const main = join(repository, "test/bench/agent/sandbox-start.ts");
    const { file } = await buildAgent({ arch, main, outFile: join(folder, "sandbox-start") });
    return readFileSync(file);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
