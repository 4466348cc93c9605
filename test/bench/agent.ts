import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { agentPath } from "@cohort/deploy/setup/agent.mjs";
import { TestMesh } from "../kit/mesh.ts";
import { printResults } from "./table.ts";

/**
 * The compiled agent on this machine: its size, its memory when connected over TLS and idle, and the
 * time from start to connected. As a yardstick, a bare Node.js process that does nothing at all.
 */
const starts = 20;
const settleMs = 3_000;

const mesh = await TestMesh.start();
try {
  await mesh.startAgents({ "bench-01": {} });
  await mesh.program("bench-01").kill("SIGTERM");
  const argv = ["run", "--data", join(mesh.home, "nodes", "bench-01")];
  const agent = [agentPath(), ...argv];

  const connectMs: number[] = [];
  for (let round = 0; round < starts; round++)
    connectMs.push(await startToLine(agent, "connected to"));
  const node = [process.execPath, "-e", "console.error('up'); setInterval(() => {}, 1e9)"];
  const nodeMs: number[] = [];
  for (let round = 0; round < starts; round++) nodeMs.push(await startToLine(node, "up"));

  const idle = await residentAfter(agent, "connected to");
  const nodeIdle = await residentAfter(node, "up");
  printResults(
    "agent, x86_64",
    [
      { what: "binary", unit: "MB", value: statSync(agentPath()).size / 1e6, limit: 2.5 },
      {
        what: "resident, connected over TLS, idle",
        unit: "MB",
        value: idle,
        limit: 6,
        peer: nodeIdle,
      },
      {
        what: "start to connected, median",
        unit: "ms",
        value: median(connectMs),
        limit: 100,
        peer: median(nodeMs),
      },
      {
        what: "start to connected, slowest",
        unit: "ms",
        value: Math.max(...connectMs),
        limit: 100,
        peer: Math.max(...nodeMs),
      },
    ],
    "bare node",
  );
} finally {
  await mesh.stop();
}

/** Ms from spawn until standard error says `line`; the process is ended after. */
async function startToLine(argv: readonly string[], line: string): Promise<number> {
  const began = performance.now();
  const { child, said } = launch(argv, line);
  await said;
  const elapsed = performance.now() - began;
  child.kill("SIGKILL");
  await once(child, "exit");
  return elapsed;
}

/** Resident memory in MB (VmRSS) when the process has been idle for a while. */
async function residentAfter(argv: readonly string[], line: string): Promise<number> {
  const { child, said } = launch(argv, line);
  await said;
  await new Promise((resolve) => setTimeout(resolve, settleMs));
  const status = readFileSync(`/proc/${child.pid}/status`, "utf8");
  child.kill("SIGKILL");
  await once(child, "exit");
  return (Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024) / 1e6;
}

function launch([program, ...rest]: readonly string[], line: string) {
  const child = spawn(program as string, rest, { stdio: ["ignore", "ignore", "pipe"] });
  const said = new Promise<void>((resolve, reject) => {
    let text = "";
    child.stderr.on("data", (data: Buffer) => {
      text += data;
      if (text.includes(line)) resolve();
    });
    child.on("exit", () => reject(new Error(`ended early:\n${text}`)));
  });
  return { child, said };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
