import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { createWorld } from "./world.ts";

const mebibyte = 1024 ** 2;
const reserve = schedulerLimits.nodeReserveBytes / mebibyte;

const step = (name: string, more: string) => `kind: workflow
name: ${name}
steps:
  - { id: ${name}, run: "true", ${more} }
`;

const big = step("big", "limits: { memory: 200MiB }");
const small = step("small", "limits: { memory: 50MiB }");

type World = ReturnType<typeof createWorld>;

/** Node "node-a" has memory for one big, or four small ones, and a slot more. */
async function worldOf(...workflows: string[]): Promise<World> {
  const it = createWorld(workflows.join("---\n"));
  await it.apply();
  await addNode(it, "node-a");
  return it;
}

const addNode = (it: World, name: string, mebibytes = 200 + reserve, slots = 5, cores = 2) =>
  it.addNode(name, {}, slots, { memoryBytes: mebibytes * mebibyte, cores });

async function startAll(it: World, ...names: string[]): Promise<string[]> {
  const runs: string[] = [];
  for (const name of names) {
    await it.pass(1);
    runs.push((await it.start(name)).run);
  }
  return runs;
}

const openSteps = (it: World) => it.open().map((open) => open.split("[")[0]);

describe("memory of a node", () => {
  it("holds what runs there at once, and the slot that is left stays free", async () => {
    const it = await worldOf(small);
    const [first] = await startAll(it, ...Array.from({ length: 6 }, () => "small"));
    expect(it.open()).toHaveLength(4);
    await it.finish(first as string, "small");
    expect(it.open()).toHaveLength(4);
  });

  it("has room for one step of the usual limit on the smallest board", async () => {
    const it = createWorld(step("usual", "priority: 1"));
    await it.apply();
    await addNode(it, "node-a", 58);
    await startAll(it, "usual", "usual");
    expect(it.open()).toHaveLength(1);
  });

  it("keeps a step away that would never fit; count: all leaves that node out", async () => {
    const it = await worldOf(big, step("all", "limits: { memory: 200MiB }, nodes: { count: all }"));
    await addNode(it, "node-b", 128);
    await startAll(it, "big", "big", "all");
    expect(it.open()).toEqual(["big[0]#1@node-a"]);
    expect(it.runOf("run3").steps.get("all")?.instances).toHaveLength(1);
  });

  it("is not counted where the node does not say how much it has", async () => {
    const it = await worldOf(big);
    await it.addNode("node-b", {}, 5, { memoryBytes: 0 });
    await startAll(it, ...Array.from({ length: 6 }, () => "big"));
    expect(it.open()).toHaveLength(6);
  });

  it("that a node gains after a restart is used", async () => {
    const it = await worldOf(big);
    await startAll(it, "big", "big");
    const facts = it.state.fleet.nodes.get("node-a")?.facts;
    if (facts === undefined) throw new Error("no facts");
    const more = { ...facts, memoryBytes: 2 * facts.memoryBytes };
    await it.record({ $case: "nodeConnected", value: { node: "node-a", facts: more } });
    expect(it.open()).toHaveLength(2);
  });

  it("and cores and slots are never given twice, whatever runs and ends", async () => {
    const kinds = fc.constantFrom("big", "small", "busy", "all");
    const busy = step("busy", "limits: { memory: 10MiB }, requires: { cpu: 0.7 }");
    const all = step("all", "limits: { memory: 60MiB }, nodes: { count: all }");
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(kinds, fc.nat(), fc.nat(40_000)), { maxLength: 30 }),
        async (moves) => {
          const it = await worldOf(big, small, busy, all);
          await addNode(it, "node-b", 100, 2, 1);
          for (const [kind, pick, ms] of moves) {
            await it.pass(ms);
            await it.start(kind);
            const active = [...it.state.runs.onNode.values()].flatMap((there) => [...there]);
            const one = active[pick % Math.max(1, active.length)];
            if (pick % 2 === 0 && one !== undefined) {
              await it.finish(one.run, one.step, {}, one.instance);
            }
            for (const [node, there] of it.state.runs.onNode) {
              const { facts } = it.state.fleet.nodes.get(node) ?? {};
              const sum = (of: "memoryBytes" | "cpuMillis") =>
                [...there].reduce((total, { needs }) => total + needs[of], 0);
              expect(it.state.runs.room.taken.get(node)).toEqual({
                memoryBytes: sum("memoryBytes"),
                cpuMillis: sum("cpuMillis"),
              });
              const offered = (facts?.memoryBytes ?? 0) - schedulerLimits.nodeReserveBytes;
              expect(sum("memoryBytes")).toBeLessThanOrEqual(offered);
              expect(sum("cpuMillis")).toBeLessThanOrEqual(1000 * (facts?.cores ?? 0));
              expect(there.size).toBeLessThanOrEqual(facts?.slots ?? 0);
            }
          }
          const replayed = emptyState();
          for (const recorded of it.recorded) applyEvent(replayed, recorded);
          expect(replayed.runs.room).toEqual(it.state.runs.room);
          expect(replayed.runs.shares).toEqual(it.state.runs.shares);
          expect(replayed.runs.queues).toEqual(it.state.runs.queues);
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("cores of a node", () => {
  it("hold what asks for them; what does not takes a slot alone", async () => {
    const it = await worldOf(
      step("busy", "limits: { memory: 1MiB }, requires: { cpu: 0.7 }"),
      step("idle", "limits: { memory: 1MiB }"),
    );
    await startAll(it, "busy", "busy", "busy", "idle", "idle");
    expect(openSteps(it)).toEqual(["busy", "busy", "idle", "idle"]);
  });

  it("of which the node has too few keep the step away", async () => {
    const it = await worldOf(step("busy", "requires: { cpu: 4 }"));
    await startAll(it, "busy");
    expect(it.open()).toEqual([]);
    await addNode(it, "node-b", 512, 1, 4);
    expect(it.open()).toEqual(["busy[0]#1@node-b"]);
  });
});

describe("what a step requires of its node", () => {
  const devices = ["gpio:gpiochip0", "iio:accel0"];

  it.each([
    ["memory: 300MiB", { memoryBytes: 256 * mebibyte }, { memoryBytes: 512 * mebibyte }],
    ["devices: [iio:accel0]", { devices: ["iio:accel1"] }, { devices }],
    ["devices: [iio, gpio]", { devices: ["iio:accel0"] }, { devices }],
    ["devices: [gpio]", { devices: ["gpiox:chip", "spi:gpio"] }, { devices }],
    ["arch: arm64", { arch: "x86_64" }, { arch: "arm64" }],
    ["isolation: strict", { isolation: "standard" }, { isolation: "strict" }],
  ])("%s, it has or is not given it", async (requires, without, having) => {
    const it = createWorld(step("a", `requires: { ${requires} }`));
    await it.apply();
    await it.addNode("node-a", {}, 1, without);
    await it.start("a");
    expect(it.open()).toEqual([]);
    await it.addNode("node-b", {}, 1, having);
    expect(it.open()).toEqual(["a[0]#1@node-b"]);
  });

  it.each([
    ["requires: { devices: [usb:x] }", "must be a device such as iio:accel0"],
    ["requires: { devices: [] }", "devices"],
    ["requires: { cpu: 0 }", "cpu"],
    ["requires: { cpu: 4000 }", "cpu"],
    ["requires: { memory: lots }", "must be a size"],
  ])("is refused where no node could ever be it: %s", async (more, message) => {
    await expect(createWorld(step("a", more)).apply()).rejects.toThrow(message);
  });
});

describe("a step that does not fit what is free", () => {
  it("is overtaken by what does, but for a minute only; then a node is kept free for it", async () => {
    const it = await worldOf(big, small);
    const [first, second] = await startAll(it, "small", "small", "big", "small", "small");
    expect(openSteps(it)).toEqual(["small", "small", "small", "small"]);
    await startAll(it, "small", "small");
    await it.finish(first as string, "small");
    expect(openSteps(it)).toEqual(["small", "small", "small", "small"]);
    await it.pass(schedulerLimits.overtakenMsMax);
    expect(it.recorded.at(-1)?.event).toEqual({
      $case: "nodeKept",
      value: { run: "run3", step: "big", instance: 0, node: "node-a" },
    });
    await it.finish(second as string, "small");
    expect(openSteps(it)).toEqual(["small", "small", "small"]);
    for (const run of ["run4", "run5", "run6"]) await it.finish(run, "small");
    expect(openSteps(it)).toEqual(["big"]);
    await it.finish("run3", "big");
    expect(openSteps(it)).toEqual(["small"]);
  });

  it("has one node kept free, and the others go on", async () => {
    const it = await worldOf(big, small);
    await addNode(it, "node-b");
    await startAll(it, ...Array.from({ length: 8 }, () => "small"), "big", "small", "small");
    await it.pass(schedulerLimits.overtakenMsMax);
    const kept = [...it.state.runs.room.kept.keys()];
    expect(kept).toHaveLength(1);
    const other = kept[0] === "node-a" ? "node-b" : "node-a";
    const [one] = it.state.runs.onNode.get(other) ?? [];
    await it.finish(one?.run as string, "small");
    expect(it.open().filter((open) => open.endsWith(`@${other}`))).toHaveLength(4);
    await it.pass(10_000);
    expect(it.recorded.filter(({ event }) => event.$case === "nodeKept")).toHaveLength(1);
  });

  it("lets go of the node that was kept when it finds another, or is cancelled", async () => {
    const it = await worldOf(big, small);
    await startAll(it, ...Array.from({ length: 4 }, () => "small"), "big", "small");
    await it.pass(schedulerLimits.overtakenMsMax);
    expect(it.state.runs.room.kept.size).toBe(1);
    await it.finish("run1", "small");
    expect(openSteps(it)).toEqual(["small", "small", "small"]);
    await addNode(it, "node-b");
    expect(it.state.runs.room.kept.size).toBe(0);
    expect(openSteps(it)).toEqual(["big", "small", "small", "small", "small"]);
  });

  it("has another node kept free when the one that was goes away", async () => {
    const it = await worldOf(big, small);
    await addNode(it, "node-b");
    await startAll(it, ...Array.from({ length: 8 }, () => "small"), "big", "small");
    await it.pass(schedulerLimits.overtakenMsMax);
    const [kept] = it.state.runs.room.kept.keys();
    await it.record({
      $case: "nodeDisconnected",
      value: { node: kept as string, reason: "silent" },
    });
    await it.pass(100);
    const [other] = it.state.runs.room.kept.keys();
    expect(new Set([kept, other])).toEqual(new Set(["node-a", "node-b"]));
  });
});
