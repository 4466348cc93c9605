import { setTimeout as pause } from "node:timers/promises";
import { applySteps } from "../../kit/step-runs.ts";
import type { Machine } from "./machine.ts";

const pollMs = 200;
const runMsMax = 1_800_000;

/** One run with so many steps that do nothing, all at once; steps a second, from start to end. */
export async function burst({ mesh }: Machine, steps: number): Promise<number> {
  const items = Array.from({ length: steps }, (_, index) => index).join(",");
  const workflow = await applySteps(mesh, `  - { id: work, for_each: [${items}], run: ":" }`);
  const began = performance.now();
  const run = await mesh.run(workflow);
  const deadline = began + runMsMax;
  for (;;) {
    const { endedMs, state, reason } = await mesh.getRun(run);
    if (endedMs !== 0 && state !== "succeeded") throw new Error(`the steps failed: ${reason}`);
    if (endedMs !== 0) return (steps * 1000) / (performance.now() - began);
    if (performance.now() > deadline) throw new Error(`${steps} steps took too long`);
    await pause(pollMs);
  }
}

/** Starts runs of one step at a fixed rate; the largest resident memory of the agent meanwhile. */
export async function steady(
  machine: Machine,
  perSecond: number,
  seconds: number,
): Promise<number> {
  const workflow = await applySteps(machine.mesh, '  - { id: work, run: ":" }');
  let largest = 0;
  let last = "";
  const began = performance.now();
  for (let count = 0; count < perSecond * seconds; count++) {
    last = await machine.mesh.run(workflow);
    if (count % perSecond === 0) largest = Math.max(largest, await machine.residentBytes());
    await pause(Math.max(0, began + ((count + 1) * 1000) / perSecond - performance.now()));
  }
  await machine.mesh.ended(last, runMsMax);
  return largest;
}
