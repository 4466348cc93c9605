import { type Outcome, type SimulationOptions, simulate } from "./sim.ts";

export interface Sweep {
  /** How many there were to try. */
  readonly edges: number;
  /** The first that did harm; null when none did. */
  readonly failed: { readonly options: SimulationOptions; readonly outcome: Outcome } | null;
}

/** The same simulation without other faults, once for each edge at which a process can die. */
export async function sweep({ seed, ticks, plant = null }: SimulationOptions): Promise<Sweep> {
  const undisturbed: SimulationOptions = { seed, ticks, plant, faults: [] };
  const { edges, violation, ...rest } = await simulate(undisturbed);
  if (violation !== null) {
    return { edges, failed: { options: undisturbed, outcome: { edges, violation, ...rest } } };
  }
  for (let edge = 0; edge < edges; edge++) {
    const options = { ...undisturbed, edge };
    const outcome = await simulate(options);
    if (outcome.violation !== null) return { edges, failed: { options, outcome } };
  }
  return { edges, failed: null };
}
