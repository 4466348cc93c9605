import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { EnduranceMesh } from "../kit/endurance.ts";
import { readLedger } from "../kit/history.ts";
import { processesWith } from "../kit/processes.ts";

const box = "gateway-box-01";

describe("kill -9 of an agent", () => {
  let endurance: EnduranceMesh;

  beforeAll(async () => {
    endurance = await EnduranceMesh.start();
  });

  afterAll(async () => {
    await endurance?.stop();
  });

  it("while its step runs ends the step with it, and the step runs again", async () => {
    const run = await endurance.begin("agent-killed");
    await endurance.untilRuns(run, "measure");
    expect(processesWith("MARK=agent-killed")).not.toEqual([]);
    await endurance.mesh.program(box).kill("SIGKILL");
    await endurance.mesh.until(async () => processesWith("MARK=agent-killed").length === 0, 2_000);
    await endurance.mesh.program(box).start();
    const instances = await endurance.expectWhole(run, "agent-killed");
    expect(instances.get("measure[0]")?.attempt).toBe(2);
    expect(await endurance.logOf(run, "measure", 1)).toMatch(/^agent-killed 1\n/);
    const ends = (await readLedger(endurance.mesh)).flatMap(({ event }) =>
      event.$case === "attemptEnded" && event.value.attempt?.run === run
        ? [`${event.value.attempt.step} ${event.value.result?.code}`]
        : [],
    );
    expect(ends).toEqual(["measure NODE_INTERRUPTED", "measure ", "sample ", "sample ", "ticket "]);
  });

  it("on one board of a fan-out leaves the other board's attempt alone", async () => {
    const run = await endurance.begin("one-of-two");
    await endurance.untilRuns(run, "sample");
    await endurance.crash(["press-01"]);
    const instances = await endurance.expectWhole(run, "one-of-two");
    expect(instances.get("sample[0]")).toMatchObject({ node: "press-01", attempt: 2 });
    expect(instances.get("sample[1]")).toMatchObject({ node: "press-02", attempt: 1 });
  });

  it("between a step's end and the acknowledgement of its result loses no result", async () => {
    const run = await endurance.begin("not-yet-told");
    await endurance.untilRuns(run, "measure");
    await endurance.mesh.program("coordinator").kill("SIGKILL");
    const journal = join(endurance.mesh.home, "nodes", box, "journal");
    await endurance.mesh.until(async () =>
      readFileSync(journal, "latin1").includes('{"mark":"not-yet-told","attempt":1}'),
    );
    await endurance.crash([box], 0);
    await endurance.mesh.program("coordinator").start();
    const instances = await endurance.expectWhole(run, "not-yet-told");
    expect([...instances.values()].map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1]);
  });

  it("right after a run was started ends in the run's success", async () => {
    const run = await endurance.begin("early");
    await endurance.crash([box]);
    await endurance.expectWhole(run, "early");
  });

  it("leaves a ledger that verifies and holds each transition once", async () => {
    await endurance.expectSoundLedger();
  });
});
