import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EnduranceMesh } from "../kit/endurance.ts";

const victims = ["nats-server", "coordinator", "gateway-box-01", "press-01", "press-02"];
const runs = 10;
const kills = 5;
const seed = 20_261;

describe("five kills at random", () => {
  let endurance: EnduranceMesh;

  beforeAll(async () => {
    endurance = await EnduranceMesh.start();
  });

  afterAll(async () => {
    await endurance?.stop();
  });

  it(`leave ten runs whole (seed ${seed})`, async () => {
    const { mesh, desk } = endurance;
    const marks = Array.from({ length: runs }, (_, at) => `batch-${at}`);
    const ids = await Promise.all(marks.map((mark) => endurance.begin(mark)));
    for (const { victim, quietMs, awayMs } of plan()) {
      await new Promise((resolve) => setTimeout(resolve, quietMs));
      await endurance.crash([victim], awayMs);
    }
    for (const id of ids) await mesh.ended(id);
    for (const [at, id] of ids.entries()) await endurance.expectWhole(id, marks[at] as string);
    expect(desk.tickets).toHaveLength(runs);
    await endurance.expectSoundLedger();
  });
});

function plan() {
  const kill = fc.record({
    victim: fc.constantFrom(...victims),
    quietMs: fc.integer({ min: 100, max: 1_500 }),
    awayMs: fc.integer({ min: 0, max: 1_000 }),
  });
  return fc.sample(kill, { seed, numRuns: kills });
}
