import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { emptyArtifacts } from "../../src/artifacts/artifacts.ts";
import { workflowAt } from "../../src/catalogue/catalogue.ts";
import { decideGrant, decideUngrant } from "../../src/fleet/decide-devices.ts";
import { formerRun } from "../../src/history/history.ts";
import { decideApproval } from "../../src/scheduler/decide-approval.ts";
import { explainStep } from "../../src/scheduler/explain.ts";
import { workFor } from "../../src/scheduler/work.ts";
import { createWorld } from "./world.ts";

type World = ReturnType<typeof createWorld>;

const chip = "gpio:gpiochip0";
const flow = (...steps: string[]) => `kind: workflow
name: flow
steps:
${steps.map((step) => `  - { ${step} }`).join("\n")}
`;
const sample = 'id: a, run: "true", grants: { devices: [iio:accel0] }';
const drive = (more = "") =>
  `id: a, run: "true", grants: { devices: [{ device: "${chip}", access: actuate }] }${more}`;
const ask = "id: ask, approve: { prompt: Sure?, roles: [operator], timeout: 5m }";

/** A world whose nodes have a chip and a sensor. */
async function worldOf(text: string, nodes = ["n1"]): Promise<World> {
  const it = createWorld(text);
  await it.apply();
  for (const node of nodes) await it.addNode(node, {}, 4, { devices: [chip, "iio:accel0"] });
  return it;
}

const grant = (it: World, device: string, access: string, more = {}, node = "n1") => {
  const full = { node, grant: { device, access, lines: [] }, requireApproval: false, actor: "ann" };
  return it.writer.decide(({ fleet }) => decideGrant(fleet, { ...full, ...more }));
};
const ungrant = (it: World, device: string) =>
  it.writer.decide(({ fleet }) => decideUngrant(fleet, { node: "n1", device, actor: "ann" }));
const reasons = (it: World, run: string) =>
  explainStep(it.state, { run, step: "a", all: true }).nodes.map(({ code, wanted, nodes }) => [
    code,
    wanted,
    nodes[0]?.detail,
  ]);
const answer = (it: World, run: string, approve: boolean) =>
  it.writer.decide((state, nowMs) =>
    decideApproval(
      state.runs,
      {
        ...{ attempt: { run, step: "ask", instance: 0, attempt: 1 }, approve },
        ...{ comment: "", actor: "ann", role: "operator" as const },
      },
      nowMs,
      {
        hash: (text: string) => createHash("sha256").update(text).digest(),
        former: (id: string) => formerRun(it.log.history, id),
      },
    ),
  );

describe("a step that is granted a device", () => {
  it("waits for a node that has it and was granted it, and says which of them is missing", async () => {
    const it = await worldOf(flow(sample), []);
    await it.addNode("n0", {}, 4, { devices: [] });
    await it.addNode("n1", {}, 4, { devices: [chip, "iio:accel0"] });
    const { run } = await it.start("flow");
    expect(it.open()).toEqual([]);
    expect(reasons(it, run)).toEqual(
      expect.arrayContaining([
        ["grants.devices", "iio:accel0", "none"],
        ["node grant", "iio:accel0 to read", "no grant"],
      ]),
    );
    await grant(it, "iio:accel0", "read");
    expect(it.open()).toEqual(["a[0]#1@n1"]);
  });

  it("to actuate waits for a grant to actuate", async () => {
    const it = await worldOf(flow(drive()));
    await grant(it, chip, "read");
    const { run } = await it.start("flow");
    expect(reasons(it, run)).toEqual([["node grant", `${chip} to actuate`, "a grant to read"]]);
    await grant(it, chip, "actuate");
    expect(it.open()).toEqual(["a[0]#1@n1"]);
  });

  it("goes to none of the nodes whose grant was taken back", async () => {
    const it = await worldOf(flow(drive()));
    await grant(it, chip, "actuate");
    await ungrant(it, chip);
    await it.start("flow");
    expect(it.open()).toEqual([]);
  });

  it("is told its own part of what the node was granted, and the node's lines", async () => {
    const it = await worldOf(flow('id: a, run: "true", grants: { devices: ["gpio:gpiochip0"] }'));
    const wanted = { grant: { device: chip, access: "actuate", lines: [4, 3, 4] } };
    await grant(it, chip, "actuate", wanted);
    const { run } = await it.start("flow");
    const dispatch = () => {
      const found = it.runOf(run);
      const step = workflowAt(it.state.catalogue, found.version).steps.get("a");
      const instance = found.steps.get("a")?.instances[0];
      const node = it.state.fleet.nodes.get("n1");
      if (step === undefined || instance === undefined || node === undefined) throw new Error();
      return workFor(found, step, instance, node, emptyArtifacts());
    };
    expect(dispatch().devices).toEqual([{ device: chip, access: "read", lines: [3, 4] }]);
    await ungrant(it, chip);
    expect(dispatch).toThrow(/n1 may not give gpio:gpiochip0 to read: no grant/);
  });
});

describe("an actuation whose grant requires an approval", () => {
  const demanding = { requireApproval: true };

  it("goes to no node where nobody is asked before, and says so", async () => {
    const it = await worldOf(flow(drive()));
    await grant(it, chip, "actuate", demanding);
    const { run } = await it.start("flow");
    expect(it.open()).toEqual([]);
    expect(reasons(it, run)[0]?.slice(0, 2)).toEqual(["approval", `${chip} to actuate`]);
  });

  it("goes on when a person said yes, directly before or further up", async () => {
    const it = await worldOf(
      flow(ask, 'id: between, run: "true", depends: [ask]', drive(", depends: [between]")),
    );
    await grant(it, chip, "actuate", demanding);
    const { run } = await it.start("flow");
    await answer(it, run, true);
    await it.finish(run, "between");
    expect(it.open()).toEqual(["a[0]#1@n1"]);
  });

  it("does not when the question was skipped, or answered no and the step goes on all the same", async () => {
    for (const depends of ['"ask.failed || ask.succeeded"', '"!ask"']) {
      const it = await worldOf(flow(ask, drive(`, depends: ${depends}`)));
      await grant(it, chip, "actuate", demanding);
      const { run } = await it.start("flow");
      await answer(it, run, false);
      expect(it.stateOf(run)).toMatchObject({ ask: "failed", a: "running" });
      expect(it.open()).toEqual([]);
    }
  });

  it("does not on the word of another step that happens to have ended", async () => {
    const it = await worldOf(flow(ask, 'id: other, run: "true"', drive(", depends: [other]")));
    await grant(it, chip, "actuate", demanding);
    const { run } = await it.start("flow");
    await answer(it, run, true);
    await it.finish(run, "other");
    expect(it.open()).toEqual([]);
  });

  it("takes a node whose grant does not require it, where there is one", async () => {
    const it = await worldOf(flow(drive()), ["n1", "n2"]);
    await grant(it, chip, "actuate", demanding, "n1");
    await grant(it, chip, "actuate", { node: "n2" });
    await it.start("flow");
    expect(it.open()).toEqual(["a[0]#1@n2"]);
  });
});

describe("a grant of a device to a node", () => {
  it("is recorded with who gave it, once, and again when it is another", async () => {
    const it = await worldOf(flow(sample));
    expect(await grant(it, chip, "read")).toBe(true);
    expect(await grant(it, chip, "read")).toBe(false);
    expect(await grant(it, chip, "actuate")).toBe(true);
    const events = it.recorded.filter(({ event }) => event.$case === "nodeDeviceGranted");
    expect(events.map(({ event }) => event.value)).toMatchObject([
      { actor: "ann", node: "n1", grant: { device: chip, access: "read" } },
      { actor: "ann", node: "n1", grant: { device: chip, access: "actuate" } },
    ]);
    expect(await ungrant(it, chip)).toBe(true);
    expect(await ungrant(it, chip)).toBe(false);
  });

  it.each([
    ["a node that there is none of", chip, "read", { node: "n9" }, "NODE_UNKNOWN"],
    ["a device that it has not", "gpio:gpiochip1", "read", {}, "DEVICE_UNKNOWN"],
    ["a class", "gpio", "read", {}, "DEVICE_UNKNOWN"],
    ["a path", "gpio:../gpiochip0", "read", {}, "DEVICE_UNKNOWN"],
    ["another access", chip, "write", {}, "USAGE"],
    ["to actuate a sensor", "iio:accel0", "actuate", {}, "USAGE"],
    ["an approval of reading", chip, "read", { requireApproval: true }, "USAGE"],
    [
      "lines of a sensor",
      "iio:accel0",
      "read",
      { grant: { device: "iio:accel0", access: "read", lines: [1] } },
      "USAGE",
    ],
    [
      "a line beyond all",
      chip,
      "read",
      { grant: { device: chip, access: "read", lines: [4000] } },
      "USAGE",
    ],
  ])("is refused for %s", async (_, device, access, more, code) => {
    const it = await worldOf(flow(sample));
    await expect(grant(it, device, access, more)).rejects.toMatchObject({ code });
  });

  it("names the nearest device of the node", async () => {
    const it = await worldOf(flow(sample));
    const refusal = await grant(it, "gpio:gpiochip1", "read").catch((error) => error);
    expect(refusal.problems[0].hint).toContain(chip);
  });
});

describe("what a node says it wrote to a device", () => {
  const attempt = { run: "run1", step: "a", instance: 0, attempt: 1 };
  const actuated = {
    ...{ device: chip, operation: "write", target: "line 3", bytes: 1 },
    sha256: new Uint8Array(32),
  };
  const told = (seq: number, node = "n1") => ({
    kind: "event" as const,
    node,
    event: { seq, atMs: 7, attempt, event: { $case: "actuated" as const, value: actuated } },
  });

  it("is recorded once, however often it is told, also when the attempt is over", async () => {
    const it = await worldOf(flow(drive()));
    await grant(it, chip, "actuate");
    const { run } = await it.start("flow");
    const { decideReports } = await import("../../src/scheduler/decide-reports.ts");
    const hear = (...reports: ReturnType<typeof told>[]) =>
      it.writer.decide((state) => decideReports(state, reports));
    await hear(told(5), told(5), told(6));
    await hear(told(6));
    await it.finish(run, "a");
    await hear(told(5), told(8));
    await hear(told(9, "unknown"));
    const seen = it.recorded.filter(({ event }) => event.$case === "deviceActuated");
    expect(seen.map(({ event }) => event.value)).toEqual(
      [5, 6, 8].map((nodeSeq) => ({ node: "n1", attempt, nodeSeq, nodeAtMs: 7, actuated })),
    );
  });
});
