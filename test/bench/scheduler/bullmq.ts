import { type ChildProcess, fork, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { freePort } from "@cohort/deploy/src/supervisor/free-port.ts";
import { pause } from "./processes.ts";
import { stepsOfChain } from "./workflows.ts";

const flowsAtOnce = 1_024;
const addsAtOnce = 64;
const warmUpMs = 15_000;

/** What of BullMQ is used; it is no dependency that the checkout must have. */
export interface BullMq {
  readonly FlowProducer: new (
    options: object,
  ) => {
    add(flow: object): Promise<unknown>;
    close(): Promise<void>;
  };
  readonly Worker: new (
    queue: string,
    work: () => Promise<void>,
    options: object,
  ) => {
    on(event: "completed" | "error", handler: () => void): void;
  };
}

/** Through `require`, so that NODE_PATH may say where it is. */
export function loadBullMq(): BullMq | null {
  try {
    return createRequire(import.meta.url)("bullmq") as BullMq;
  } catch {
    return null;
  }
}

/** Steps a second of the same chains as BullMQ flows, Redis with an fsync a write; null without it. */
export async function measureBullMq(ms: number): Promise<number | null> {
  const bullmq = loadBullMq();
  if (bullmq === null) return absent("bullmq", "npm install");
  const home = mkdtempSync(join(tmpdir(), "cohort-redis-"));
  const port = await freePort();
  const redis = spawn(
    "redis-server",
    [
      "--port",
      String(port),
      "--bind",
      "127.0.0.1",
      "--dir",
      home,
      "--save",
      "",
      "--appendonly",
    ].concat(["yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]),
    { stdio: "ignore" },
  );
  let worker: ChildProcess | null = null;
  try {
    const running = await Promise.race([
      once(redis, "spawn").then(() => true),
      once(redis, "error").then(() => false),
    ]);
    if (!running) return absent("redis-server", "apt-get install redis-server");
    await pause(500);
    const program = fileURLToPath(new URL("bullmq-process.mjs", import.meta.url));
    worker = fork(program, [String(port)]);
    return await runFlows(bullmq, worker, port, ms);
  } finally {
    worker?.kill("SIGKILL");
    redis.kill("SIGKILL");
    rmSync(home, { recursive: true, force: true });
  }
}

async function runFlows(
  { FlowProducer }: BullMq,
  worker: ChildProcess,
  port: number,
  ms: number,
): Promise<number> {
  const producer = new FlowProducer({ connection: { host: "127.0.0.1", port } });
  let completed = 0;
  let added = 0;
  let stopping = false;
  worker.on("message", (count: number) => {
    completed = count;
  });
  const step = (name: string, children: object[] = []) => ({
    name,
    queueName: "chain",
    data: {},
    opts: { removeOnComplete: true },
    children,
  });
  const add = async () => {
    while (!stopping) {
      if (added - completed / stepsOfChain >= flowsAtOnce) await pause(10);
      else {
        added++;
        await producer.add(step("three", [step("two", [step("one")])]));
      }
    }
  };
  const adding = Promise.all(Array.from({ length: addsAtOnce }, add));
  await pause(warmUpMs);
  const [before, fromMs] = [completed, performance.now()];
  await pause(ms);
  const [after, untilMs] = [completed, performance.now()];
  stopping = true;
  await adding;
  await producer.close();
  return ((after - before) * 1000) / (untilMs - fromMs);
}

function absent(what: string, remedy: string): null {
  process.stderr.write(`no yardstick: ${what} is missing (${remedy})\n`);
  return null;
}
