import { execFileSync } from "node:child_process";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { agentPath } from "@cohort/deploy/setup/agent.mjs";
import { TestMesh } from "../../kit/mesh.ts";
import { Program } from "../../kit/program.ts";
import { buildSandboxStart, type Machine, node, parseStarts } from "./machine.ts";
import { Relay } from "./relay.ts";

const slots = 16;

/** An agent as a process of this machine. */
export async function localMachine(arch: string): Promise<Machine> {
  const mesh = await TestMesh.start();
  await mesh.startAgents({ [node]: {} });
  await mesh.program(node).kill("SIGTERM");
  const data = join(mesh.home, "nodes", node);
  const relay = await Relay.open(mesh.ports.nats);
  const identity = join(data, "identity.json");
  const through = readFileSync(identity, "utf8").replaceAll(
    `:${mesh.ports.nats}"`,
    `:${relay.port}"`,
  );
  writeFileSync(identity, through, { mode: 0o600 });
  const program = new Program({
    argv: [agentPath(), "run", "--data", data, "--slots", String(slots)],
    logFile: join(mesh.home, "log", "measured.log"),
    ready: "connected to",
  });
  return {
    arch,
    mesh,
    binaryBytes: statSync(agentPath()).size,
    async start() {
      const began = performance.now();
      await program.start();
      return performance.now() - began;
    },
    stop: () => program.kill("SIGTERM"),
    async residentBytes() {
      const status = readFileSync(`/proc/${program.pid}/status`, "utf8");
      return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) * 1024;
    },
    socketBytes: () => relay.bytes,
    async sandboxStarts() {
      const file = join(mesh.home, "sandbox-start");
      writeFileSync(file, await buildSandboxStart(arch), { mode: 0o755 });
      return parseStarts(execFileSync(file, { encoding: "utf8" }));
    },
    async close() {
      await program.kill("SIGTERM");
      relay.close();
      await mesh.stop();
    },
  };
}
