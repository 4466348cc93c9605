import { setTimeout as pause } from "node:timers/promises";
import { burst, steady } from "./load.ts";
import type { Machine } from "./machine.ts";

/** How much is asked of a machine: an emulated one is a hundred times slower. */
export interface Effort {
  readonly starts: number;
  readonly idleSeconds: number;
  readonly steadySeconds: number;
  /** Until what the agent remembers is full, such as attempts that ended; growth counts from there. */
  readonly warmUpSteps: number;
  readonly steps: number;
  /** Steps of one run. */
  readonly burstSteps: number;
}

export interface Figures {
  readonly binaryMb: number;
  readonly idleMb: number;
  readonly steadyMb: number;
  readonly connectMs: number;
  readonly stepsPerSecond: number;
  readonly sandboxMs: number;
  /** Of resident memory, from the end of the warm-up to the end of all steps. */
  readonly growthPercent: number;
  /** Resident when the last step had ended. */
  readonly afterMb: number;
  readonly idleKbitPerSecond: number;
}

const settleMs = 3_000;
const steadyPerSecond = 10;

/** One after the other, each on the same agent but for the starts. */
export async function measure(machine: Machine, effort: Effort): Promise<Figures> {
  const connects: number[] = [];
  for (let round = 0; round < effort.starts; round++) {
    if (round > 0) await machine.stop();
    connects.push(await machine.start());
  }
  await pause(settleMs);
  const idle = await machine.residentBytes();
  const idleKbitPerSecond = await idleTraffic(machine, effort.idleSeconds);
  const steadyBytes = await steady(machine, steadyPerSecond, effort.steadySeconds);
  for (let done = 0; done < effort.warmUpSteps; done += effort.burstSteps) {
    await burst(machine, effort.burstSteps);
  }
  await pause(settleMs);
  const warm = await machine.residentBytes();
  const rates: number[] = [];
  for (let done = 0; done < effort.steps; done += effort.burstSteps) {
    rates.push(await burst(machine, effort.burstSteps));
  }
  await pause(settleMs);
  const after = await machine.residentBytes();
  return {
    binaryMb: machine.binaryBytes / 1e6,
    idleMb: idle / 1e6,
    steadyMb: steadyBytes / 1e6,
    connectMs: median(connects),
    stepsPerSecond: median(rates),
    sandboxMs: median(await machine.sandboxStarts()),
    growthPercent: (after / warm - 1) * 100,
    afterMb: after / 1e6,
    idleKbitPerSecond,
  };
}

async function idleTraffic(machine: Machine, seconds: number): Promise<number> {
  const before = machine.socketBytes();
  await pause(seconds * 1000);
  return ((machine.socketBytes() - before) * 8) / 1000 / seconds;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] as number;
}
