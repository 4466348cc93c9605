import { join } from "node:path";
import Database from "better-sqlite3";
import type { TestMesh } from "../../kit/mesh.ts";
import { dataOf } from "../../kit/mesh-place.ts";
import type { Agents } from "./agents.ts";
import { pause, usageOf } from "./processes.ts";
import { stepsOfChain } from "./workflows.ts";

/** Runs that are out at once: enough that every part has work, few enough that none piles up. */
const runsAtOnce = 1_024;
const callsAtOnce = 4;
const startsPerCall = 256;
/** A third of the coordinator's processor time is V8's compiling until it has seen so much. */
const warmUpMs = 15_000;

export interface Throughput {
  readonly stepsPerSecond: number;
  /** Microseconds of processor time a step, by process. */
  readonly cpuPerStep: Readonly<Record<"coordinator" | "natsServer" | "agents" | "client", number>>;
  readonly entriesPerStep: number;
  readonly coordinatorMb: number;
}

/** Runs chains for `ms` after a warm-up, and counts what the durable log says of that time. */
export async function measureThroughput(
  mesh: TestMesh,
  agents: Agents,
  ms: number,
): Promise<Throughput> {
  agents.behave({ reportsEachStart: false });
  const load = startLoad(mesh, agents);
  try {
    await pause(warmUpMs);
    const pids = {
      coordinator: mesh.program("coordinator").pid,
      natsServer: mesh.program("nats-server").pid,
      agents: agents.pid,
      client: process.pid,
    };
    const names = Object.keys(pids) as (keyof typeof pids)[];
    const before = names.map((name) => usageOf(pids[name]).cpuMs);
    const fromMs = Date.now();
    await pause(ms);
    const untilMs = Date.now();
    const used = names.map((name, at) => usageOf(pids[name]).cpuMs - (before[at] as number));
    const coordinatorMb = usageOf(pids.coordinator).residentMb;
    await load.stop();
    const { steps, entries } = countEntries(mesh, fromMs, untilMs);
    return {
      stepsPerSecond: (steps * 1000) / (untilMs - fromMs),
      cpuPerStep: Object.fromEntries(
        names.map((name, at) => [name, ((used[at] as number) * 1000) / steps]),
      ) as Throughput["cpuPerStep"],
      entriesPerStep: entries / steps,
      coordinatorMb,
    };
  } finally {
    await load.stop();
  }
}

/** Starts runs until it is stopped; resolves then, when all that were started have ended. */
function startLoad(mesh: TestMesh, agents: Agents): { stop(): Promise<void> } {
  let stopping = false;
  let started = 0;
  const { runs } = mesh.client;
  const request = { workflow: "chain", inputsJson: "{}", idempotencyKey: "" };
  const work = async () => {
    while (!stopping) {
      const room = runsAtOnce - (started - agents.report.ended / stepsOfChain);
      const count = Math.min(Math.floor(room), startsPerCall);
      if (count < 1) {
        await agents.next();
        continue;
      }
      started += count;
      const starts = Array.from({ length: count }, () => request);
      await mesh.client.call(runs, runs.startMany, { starts });
    }
  };
  const working = Promise.all(Array.from({ length: callsAtOnce }, work));
  return {
    async stop() {
      stopping = true;
      await working;
      await mesh.until(async () => agents.report.ended >= started * stepsOfChain, 60_000);
    },
  };
}

/** Canonical JSON begins with the time: {"atMs":1790000000000, ... */
function countEntries(mesh: TestMesh, fromMs: number, untilMs: number) {
  const database = new Database(join(dataOf(mesh), "cohort.db"), { readonly: true });
  try {
    const row = database
      .prepare<[string, string], { entries: number; steps: number }>(
        `SELECT count(*) AS entries, count(*) FILTER (WHERE json LIKE '%"stepEnded":{%') AS steps
         FROM entries WHERE substr(json, 9, 13) BETWEEN ? AND ?`,
      )
      .get(String(fromMs), String(untilMs));
    return row ?? { entries: 0, steps: 0 };
  } finally {
    database.close();
  }
}
