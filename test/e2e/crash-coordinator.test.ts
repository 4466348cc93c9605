import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EnduranceMesh } from "../kit/endurance.ts";

describe("kill -9 of the coordinator", () => {
  let endurance: EnduranceMesh;

  beforeAll(async () => {
    endurance = await EnduranceMesh.start();
  });

  afterAll(async () => {
    await endurance?.stop();
  });

  it("right after a run was started loses nothing of it", async () => {
    const run = await endurance.begin("early");
    await endurance.crash(["coordinator"]);
    const instances = await endurance.expectWhole(run, "early");
    expect([...instances.values()].map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  });

  it.each(["measure", "sample"])(
    "while nodes run step %s lets the same attempt finish",
    async (step) => {
      const run = await endurance.begin(`in-${step}`);
      await endurance.untilRuns(run, step);
      await endurance.crash(["coordinator"]);
      const instances = await endurance.expectWhole(run, `in-${step}`);
      expect([...instances.values()].map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
    },
  );

  it("for longer than a step lasts loses neither its result nor its log", async () => {
    const run = await endurance.begin("long-gone");
    await endurance.untilRuns(run, "measure");
    await endurance.crash(["coordinator"], 2_500);
    const instances = await endurance.expectWhole(run, "long-gone");
    expect(instances.get("measure[0]")?.attempt).toBe(1);
  });

  it("while a call is out makes the call again with the same idempotency key", async () => {
    const run = await endurance.begin("in-ticket");
    await endurance.untilCallIsOut(run);
    const before = endurance.desk.requests;
    await endurance.crash(["coordinator"]);
    const instances = await endurance.expectWhole(run, "in-ticket");
    expect(instances.get("ticket[0]")?.attempt).toBe(2);
    expect(endurance.desk.requests).toBe(before + 1);
    const charges = (await endurance.mesh.getRun(run)).charges.map(({ state }) => state);
    expect(charges.sort()).toEqual(["posted", "uncertain"]);
  });

  it("does not let an idempotency key that was used start a second run", async () => {
    const { client } = endurance.mesh;
    const request = {
      workflow: "endurance",
      inputsJson: '{"mark":"once"}',
      idempotencyKey: "order-7",
    };
    const first = await client.call(client.runs, client.runs.start, request);
    await endurance.crash(["coordinator"]);
    let second = first;
    await endurance.mesh.until(async () => {
      second = await client.call(client.runs, client.runs.start, request);
      return true;
    });
    expect(second).toMatchObject({ run: first.run, existing: true });
    await endurance.expectWhole(first.run, "once");
  });

  it("leaves a ledger that verifies and holds each transition once", async () => {
    await endurance.expectSoundLedger();
  });
});
