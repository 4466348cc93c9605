import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { TestMesh } from "../kit/mesh.ts";
import { Agents } from "./scheduler/agents.ts";
import { measureBullMq } from "./scheduler/bullmq.ts";
import { measureLatency, partNames } from "./scheduler/latency.ts";
import { measureRecovery } from "./scheduler/recovery.ts";
import { measureThroughput, type Throughput } from "./scheduler/throughput.ts";
import { chain } from "./scheduler/workflows.ts";
import { printResults, type Result } from "./table.ts";

/**
 * The whole path of a step on this machine: the console API over TLS, scheduler, signed dispatch over
 * a real nats-server with TLS, the agents' core, result, durable log with its Merkle leaves. As a
 * yardstick, the same chains on BullMQ and Redis. `--seconds N` to measure longer or shorter.
 */
const { values } = parseArgs({
  options: { json: { type: "boolean" }, seconds: { type: "string", default: "20" } },
  allowPositionals: true,
});
const ms = 1000 * Number(values.seconds);

/** Large machines, as a factory's servers are, and as many boards as share what one commit brings. */
const machines = { count: 16, slots: 128 };
const boards = { count: 256, slots: 16 };

const results: Result[] = [];
const peer = await measureBullMq(ms / 2);
await onMesh(machines, async (mesh, agents) => {
  const { p50, p99, parts } = await measureLatency(mesh, agents);
  const names = Object.entries(partNames) as [keyof typeof partNames, string][];
  results.push(
    { what: "trigger to step start, p50", unit: "ms", value: p50, limit: 5 },
    { what: "trigger to step start, p99", unit: "ms", value: p99, limit: 20 },
    ...names.map(([part, what]) => ({ what: `  ${what}`, unit: "ms", value: parts[part] })),
  );
  results.push(...throughputRows("", await measureThroughput(mesh, agents, ms), peer));
});
await onMesh(boards, async (mesh, agents) => {
  const condition = ` over ${boards.count} boards`;
  results.push(...throughputRows(condition, await measureThroughput(mesh, agents, ms), peer));
});
const few = await measureCore(1_000);
const many = await measureCore(100_000);
const { applyMs, residentMb, recoveryMs } = await measureRecovery();
results.push(
  { what: "core and memory log, 1,000 queued", unit: "us/step", value: few.cpuUs },
  { what: "core and memory log, 100,000 queued", unit: "us/step", value: many.cpuUs },
  { what: "100,000 queued over 1,000", unit: "times", value: many.cpuUs / few.cpuUs, limit: 1.5 },
  {
    what: "core, 100,000 runs queued",
    unit: "MB",
    value: many.residentMb,
    limit: 500,
  },
  { what: "apply a workflow of 10,000 steps", unit: "ms", value: applyMs, limit: 2_000 },
  { what: "coordinator, 100,000 steps queued", unit: "MB", value: residentMb, limit: 500 },
  { what: "recovery of 100,000 steps after kill -9", unit: "ms", value: recoveryMs, limit: 10_000 },
);
printResults("scheduler", results, "bullmq");

async function onMesh(
  fleet: { readonly count: number; readonly slots: number },
  measure: (mesh: TestMesh, agents: Agents) => Promise<void>,
): Promise<void> {
  let agents: Agents | null = null;
  const mesh = await TestMesh.start();
  try {
    await mesh.apply([{ path: "chain.yaml", text: chain }]);
    agents = await Agents.start(mesh, fleet);
    await measure(mesh, agents);
  } finally {
    await agents?.stop();
    await mesh.stop();
  }
}

function throughputRows(condition: string, it: Throughput, yardstick: number | null): Result[] {
  const { coordinator, natsServer, agents, client } = it.cpuPerStep;
  const measured = yardstick === null ? {} : { peer: yardstick };
  return [
    {
      what: `steps a second${condition}`,
      unit: "/s",
      value: it.stepsPerSecond,
      least: 8_000,
      ...measured,
    },
    { what: "  coordinator", unit: "us/step", value: coordinator },
    { what: "  nats-server", unit: "us/step", value: natsServer },
    { what: "  agents", unit: "us/step", value: agents },
    { what: "  client and benchmark", unit: "us/step", value: client },
    { what: "  entries of the log", unit: "/step", value: it.entriesPerStep },
    { what: "  coordinator, resident", unit: "MB", value: it.coordinatorMb, limit: 500 },
  ];
}

async function measureCore(queued: number): Promise<{ cpuUs: number; residentMb: number }> {
  const program = fileURLToPath(new URL("core-process.mjs", import.meta.url));
  const argv = ["--expose-gc", program, String(queued)];
  const { stdout } = await promisify(execFile)(process.execPath, argv);
  return JSON.parse(stdout) as { cpuUs: number; residentMb: number };
}
