import { describe, expect, it } from "vitest";
import { type Plant, plants } from "./plants.ts";
import { report } from "./report.ts";
import { shrink } from "./shrink.ts";
import { type SimulationOptions, simulate } from "./sim.ts";
import { sweep } from "./sweep.ts";
import type { Invariant } from "./violation.ts";

const seeds = 200;
/** So many seeds a test: a test that takes minutes says too little of where it is. */
const seedsPerTest = 25;
const ticks = 100;
/** Seeds within which a planted bug has to be found. */
const plantedSeedsMax = 150;
const slowMs = 180_000;

/** By which invariant each is found. */
const found: Readonly<Record<Plant, readonly Invariant[]>> = {
  "dispatch-before-durable": ["nothing leaves before it is durable"],
  "node-forgets-attempts": ["an attempt runs at most once"],
  "superseded-results": ["results are those of the attempt"],
  "greedy-acknowledgement": ["healthy work is not given up", "every run ends"],
  "no-resend": ["every run ends"],
  "clones-believed": ["two machines with one node's keys are found out"],
  "holds-forgotten": ["replay gives the same state", "budgets stay within their limits"],
};

async function explain(options: SimulationOptions): Promise<string> {
  const outcome = await simulate(options);
  if (outcome.violation === null) return "";
  const least = await shrink(options, outcome);
  return report(least.outcome, least.options);
}

describe("a mesh in the simulator", () => {
  it.each(Array.from({ length: seeds / seedsPerTest }, (_, at) => at * seedsPerTest + 1))(
    `keeps its invariants whatever fails, in ${seedsPerTest} seeds from %i on`,
    async (first) => {
      for (let seed = first; seed < first + seedsPerTest; seed++) {
        expect(await explain({ seed, ticks })).toBe("");
      }
    },
    slowMs,
  );

  it.each([1074, 2013, 2016, 6360])(
    "keeps them in seed %i, which once broke one",
    async (seed) => {
      expect(await explain({ seed, ticks })).toBe("");
    },
    slowMs,
  );

  it("goes the same way again from the same seed", async () => {
    const [first, second] = [
      await simulate({ seed: 7, ticks }),
      await simulate({ seed: 7, ticks }),
    ];
    expect(second.fingerprint).toBe(first.fingerprint);
    expect(second.events).toBe(first.events);
    expect((await simulate({ seed: 8, ticks })).fingerprint).not.toBe(first.fingerprint);
  });

  it("ends all work without faults, and leaves none behind", async () => {
    const outcome = await simulate({ seed: 3, ticks, faults: [] });
    expect(outcome.violation).toBeNull();
    expect(outcome.runs).toBeGreaterThan(0);
    expect(outcome.attempts).toBeGreaterThan(0);
  });
});

describe("a process that dies at an edge of a write", () => {
  it.each([1, 2, 3])(
    "does no harm, whichever edge it is, in seed %i",
    async (seed) => {
      const { edges, failed } = await sweep({ seed, ticks: 12 });
      expect(edges).toBeGreaterThan(40);
      expect(failed === null ? "" : report(failed.outcome, failed.options)).toBe("");
    },
    slowMs,
  );

  it("is found where it does harm", async () => {
    const { failed } = await sweep({ seed: 1, ticks: 12, plant: "no-resend" });
    expect(failed?.outcome.violation?.invariant).toBe("every run ends");
  });
});

describe("a planted bug", () => {
  it.each(plants)(
    `%s is found within ${plantedSeedsMax} seeds`,
    async (plant) => {
      let invariant: Invariant | null = null;
      for (let seed = 1; seed <= plantedSeedsMax && invariant === null; seed++) {
        invariant = (await simulate({ seed, ticks, plant })).violation?.invariant ?? null;
      }
      expect(found[plant]).toContain(invariant);
    },
    slowMs,
  );
});
