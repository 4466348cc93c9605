import { faultKinds } from "./faults.ts";
import { type Outcome, type SimulationOptions, simulate } from "./sim.ts";

export interface Shrunk {
  readonly options: SimulationOptions;
  readonly outcome: Outcome;
}

/** The same seed with fewer ticks and fewer kinds of faults, as long as it fails alike. */
export async function shrink(options: SimulationOptions, failed: Outcome): Promise<Shrunk> {
  let best: Shrunk = { options, outcome: failed };
  const attempt = async (smaller: SimulationOptions) => {
    const outcome = await simulate(smaller);
    const alike = outcome.violation?.invariant === failed.violation?.invariant;
    if (alike) best = { options: smaller, outcome };
    return alike;
  };
  for (const kind of failed.faults) {
    const { faults = faultKinds } = best.options;
    await attempt({ ...best.options, faults: faults.filter((it) => it !== kind) });
  }
  let [low, high] = [0, Math.min(best.options.ticks, best.outcome.tick + 1)];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (await attempt({ ...best.options, ticks: middle })) high = middle;
    else low = middle + 1;
  }
  return best;
}
