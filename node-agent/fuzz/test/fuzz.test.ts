import { beforeAll, describe, expect, it } from "vitest";
import { buildFuzzer } from "../../toolchain/fuzzer.mjs";
import { findingOf, fuzz, targets } from "../fuzz.mjs";

/** Of each target, in every run of the tests; `npm run fuzz` takes as long as one likes. */
const seconds = 5;
/** What a planted fault may take. It is found by chance: in seconds most times, in minutes at others. */
const plantedSecondsMax = 900;

let binary: string;
beforeAll(async () => {
  binary = await buildFuzzer();
}, 1_800_000);

describe.each(targets)("%s", (target) => {
  it("takes whatever comes without a fault", { timeout: 120_000 }, async () => {
    const { found, runs, output } = await fuzz(binary, target, { seconds });
    expect(found ? findingOf(output) : "").toBe("");
    expect(runs).toBeGreaterThan(0);
  });

  it("has a planted fault found", { timeout: 1_000_000 }, async () => {
    const { found, output } = await fuzz(binary, target, {
      seconds: plantedSecondsMax,
      planted: true,
    });
    expect(found).toBe(true);
    expect(output).toContain("the planted fault");
  });
});
