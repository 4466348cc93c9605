import { spawn } from "node:child_process";
import { once } from "node:events";
import { setUpBoards } from "../board/kit/set-up-boards.mjs";
import { boardMachine } from "./agent/board-machine.ts";
import { localMachine } from "./agent/local-machine.ts";
import type { Machine } from "./agent/machine.ts";
import { type Effort, type Figures, measure, median } from "./agent/measure.ts";
import { printResults, type Result } from "./table.ts";

/**
 * The compiled agent: as a process of this machine, and on emulated boards of riscv64 and arm64. Sizes,
 * memory and traffic are real on all of them; times of a board are its emulator's, and have no target.
 * `-- --only riscv64` measures one.
 */
const local: Effort = {
  starts: 20,
  idleSeconds: 60,
  steadySeconds: 20,
  warmUpSteps: 5_000,
  steps: 10_000,
  burstSteps: 500,
};
const emulated: Effort = {
  ...local,
  starts: 5,
  steadySeconds: 10,
  warmUpSteps: 100,
  steps: 300,
  burstSteps: 50,
};
const nodeStarts = 5;

const machines: Readonly<Record<string, { open(): Promise<Machine>; effort: Effort }>> = {
  x86_64: { open: () => localMachine("x86_64"), effort: local },
  arm64: { open: () => boardMachine("arm64"), effort: emulated },
  riscv64: { open: () => boardMachine("riscv64"), effort: emulated },
};

const at = process.argv.indexOf("--only");
const only = at < 0 ? null : (process.argv[at + 1] ?? "");
if (only !== null && machines[only] === undefined) {
  throw new Error(`--only takes one of ${Object.keys(machines).join(", ")}`);
}
await setUpBoards();
for (const [arch, { open, effort }] of Object.entries(machines)) {
  if (only !== null && only !== arch) continue;
  const machine = await open();
  try {
    const figures = await measure(machine, effort);
    if (effort === local)
      printResults(`agent, ${arch}`, rows(figures, effort, await bareNode()), "bare node");
    else
      printResults(`agent, ${arch}, emulated board with 128 MB`, rows(figures, effort, null), "-");
  } finally {
    await machine.close();
  }
}

interface Peer {
  readonly startMs: number;
}

function rows(figures: Figures, effort: Effort, peer: Peer | null): Result[] {
  const ofThisMachine = (limit: number) => (peer === null ? {} : { limit });
  return [
    { what: "binary", unit: "MB", value: figures.binaryMb, limit: 2.5 },
    { what: "resident, connected over TLS, idle", unit: "MB", value: figures.idleMb, limit: 6 },
    { what: "resident, 10 steps a second", unit: "MB", value: figures.steadyMb },
    { what: "resident after all steps", unit: "MB", value: figures.afterMb, limit: 6 },
    {
      what: `growth over ${effort.steps} steps, after ${effort.warmUpSteps}`,
      unit: "%",
      value: figures.growthPercent,
      ...ofThisMachine(5),
    },
    {
      what: "idle traffic, both ways, with TLS",
      unit: "kbit/s",
      value: figures.idleKbitPerSecond,
      limit: 0.5,
    },
    {
      what: "start to connected, median",
      unit: "ms",
      value: figures.connectMs,
      ...ofThisMachine(100),
      ...(peer === null ? {} : { peer: peer.startMs }),
    },
    {
      what: "start of a sandbox, median",
      unit: "ms",
      value: figures.sandboxMs,
      ...ofThisMachine(10),
    },
    { what: "steps a second", unit: "/s", value: figures.stepsPerSecond },
  ];
}

/** The yardstick: a Node.js process that does nothing at all. */
async function bareNode(): Promise<Peer> {
  const starts: number[] = [];
  for (let round = 0; round < nodeStarts; round++) {
    const began = performance.now();
    const child = spawn(
      process.execPath,
      ["-e", "console.error('up'); setInterval(() => {}, 1e9)"],
      {
        stdio: ["ignore", "ignore", "pipe"],
      },
    );
    await once(child.stderr, "data");
    starts.push(performance.now() - began);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  return { startMs: median(starts) };
}
