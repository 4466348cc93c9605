import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EnduranceMesh } from "../kit/endurance.ts";

const everything = ["nats-server", "coordinator", "gateway-box-01", "press-01", "press-02"];

describe("kill -9 of nats-server", () => {
  let endurance: EnduranceMesh;

  beforeAll(async () => {
    endurance = await EnduranceMesh.start();
  });

  afterAll(async () => {
    await endurance?.stop();
  });

  it.each(["measure", "sample"])(
    "while step %s runs lets the same attempt finish",
    async (step) => {
      const run = await endurance.begin(`nats-${step}`);
      await endurance.untilRuns(run, step);
      await endurance.crash(["nats-server"]);
      const instances = await endurance.expectWhole(run, `nats-${step}`);
      expect([...instances.values()].map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
    },
  );

  it("while a call is out does not touch the call", async () => {
    const run = await endurance.begin("nats-ticket");
    await endurance.untilCallIsOut(run);
    await endurance.crash(["nats-server"]);
    const instances = await endurance.expectWhole(run, "nats-ticket");
    expect(instances.get("ticket[0]")?.attempt).toBe(1);
  });

  it("right after a run was started delays the run and no more", async () => {
    const run = await endurance.begin("nats-early");
    await endurance.crash(["nats-server"]);
    const instances = await endurance.expectWhole(run, "nats-early");
    expect([...instances.values()].map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  });

  it("with the coordinator and every agent ends in the run's success", async () => {
    const run = await endurance.begin("everything");
    await endurance.untilRuns(run, "measure");
    await endurance.crash(everything);
    const instances = await endurance.expectWhole(run, "everything");
    expect([...instances.values()].map(({ attempt }) => attempt)).toEqual([2, 1, 1, 1]);
  });

  it("with the coordinator and every agent while a call is out files one ticket", async () => {
    const run = await endurance.begin("everything-ticket");
    await endurance.untilCallIsOut(run);
    await endurance.crash(everything);
    const instances = await endurance.expectWhole(run, "everything-ticket");
    expect([...instances.values()].map(({ attempt }) => attempt)).toEqual([1, 1, 1, 2]);
  });

  it("leaves a ledger that verifies and holds each transition once", async () => {
    await endurance.expectSoundLedger();
  });
});
