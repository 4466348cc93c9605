import { faultKinds } from "./faults.ts";
import type { Outcome, SimulationOptions } from "./sim.ts";

/** For people: what was violated, what it took, and what led to it. */
export function report(
  outcome: Outcome,
  { seed, ticks, plant, faults, edge }: SimulationOptions,
): string {
  const { violation, tick, trace } = outcome;
  const without = faultKinds.filter((kind) => faults !== undefined && !faults.includes(kind));
  const planted = plant == null ? "" : ` --plant ${plant}`;
  const dying = edge == null ? "" : ` --edge ${edge}`;
  return [
    `seed ${seed}, tick ${tick}: ${violation?.message ?? "nothing violated"}`,
    `faults: ${outcome.faults.join(", ") || "none"}`,
    `not needed: ${without.join(", ") || "unknown"}; ticks with faults: ${ticks}`,
    "",
    ...trace.map((line) => `  ${line}`),
    "",
    `again: npm run sim -- --seed ${seed} --ticks ${ticks}${planted}${dying}`,
    "",
  ].join("\n");
}
