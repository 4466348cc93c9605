import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";

describe("the factory example, end to end", () => {
  let mesh: TestMesh;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startFactory();
    await mesh.startGateway();
    await mesh.startAgents();
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  it("makes one MQTT message a run on compiled agents, with a ticket, a charge and a verified ledger", async () => {
    await mesh.publish("factory/line1/press/p1/vibration", '{"rms": 6.2}');
    await mesh.until(async () => (await mesh.runsOf("press-vibration")).length === 1);
    const [{ run: id } = { run: "" }] = await mesh.runsOf("press-vibration");
    const run = await mesh.ended(id);
    expect(run).toMatchObject({ state: "succeeded", trigger: "mqtt", reason: "" });
    const sample = run.steps.find((it) => it.step === "sample");
    expect(sample?.instances.map((it) => it.node)).toEqual(["press-01", "press-02"]);
    const outputs = sample?.instances.map((it) => JSON.parse(it.outputJson) as unknown);
    expect(outputs).toMatchObject([
      { board: "press-01", rms: 6.2 },
      { board: "press-02", rms: 4.96 },
    ]);
    const weigh = run.steps.find((it) => it.step === "weigh")?.instances[0];
    expect(weigh?.node).toBe("gateway-box-01");
    expect(JSON.parse(weigh?.outputJson ?? "")).toMatchObject({ samples: 2, worst: 6.2 });
    const ticket = run.steps.find((it) => it.step === "ticket")?.instances[0];
    expect(JSON.parse(ticket?.outputJson ?? "")).toMatchObject({ status: 201 });
    expect(run.charges).toMatchObject([
      { service: "maintenance", state: "posted", nanoUsd: 2_000_000 },
    ]);
    const verified = await mesh.cohort("ledger", "verify", "-o", "json");
    expect(verified.exit).toBe(0);
    expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true });
  });

  it("shows the run, its cost and its nodes on the command line", async () => {
    const [{ run: id } = { run: "" }] = await mesh.runsOf("press-vibration");
    const status = await mesh.cohort("status", id, "-o", "json");
    expect(status.exit).toBe(0);
    expect(JSON.parse(status.stdout)).toMatchObject({ state: "succeeded" });
    const budget = await mesh.cohort("budget");
    expect(budget.stdout).toContain("0.002 USD");
    const nodes = await mesh.cohort("nodes");
    expect(nodes.stdout).toMatch(/press-01 +connected +x86_64 +standard|press-01 +connected/);
  });

  it("does not start a run for a message below the threshold, or for one that is not JSON", async () => {
    const before = (await mesh.runsOf("press-vibration")).length;
    await mesh.publish("factory/line1/press/p1/vibration", '{"rms": 1.0}');
    await mesh.publish("factory/line1/press/p1/vibration", "rms=9");
    await mesh.publish("factory/line1/press/p1/vibration", '{"rms": 7}');
    await mesh.until(async () => (await mesh.runsOf("press-vibration")).length > before);
    expect((await mesh.runsOf("press-vibration")).length).toBe(before + 1);
    expect(mesh.program("gateway").log).toContain("EVENT_PAYLOAD_INVALID");
  });
});
