import { describe, expect, it } from "vitest";
import { decideSlots } from "../../src/fleet/decide-slots.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const flow = `kind: workflow
name: flow
steps:
  - { id: a, run: "true" }
`;

const allow = ({ writer }: World, slots: number, node = "node-a") =>
  writer.decide(({ fleet }) => decideSlots(fleet, { node, slots, actor: "test" }));

describe("slots that an operator allows a node", () => {
  it("bound what it is given at once; what runs beyond them goes on", async () => {
    const it = await worldWith(flow);
    const runs: string[] = [];
    for (let at = 0; at < 5; at++) runs.push((await it.start("flow")).run);
    expect(it.open()).toHaveLength(4);
    expect(await allow(it, 2)).toBe(true);
    expect(it.open()).toHaveLength(4);
    for (const run of runs.slice(0, 2)) await it.finish(run, "a");
    expect(it.open()).toHaveLength(2);
    await it.finish(runs[2] as string, "a");
    expect(it.open()).toHaveLength(2);
    for (let at = 0; at < 3; at++) await it.start("flow");
    await allow(it, 0);
    expect(it.open()).toHaveLength(4);
  });

  it("give it no more than it has, and outlast its absence and a restart", async () => {
    const it = await worldWith(flow);
    await allow(it, 9);
    for (let at = 0; at < 9; at++) await it.start("flow");
    expect(it.open()).toHaveLength(4);
    await allow(it, 1);
    const facts = it.state.fleet.nodes.get("node-a")?.facts;
    await it.record({ $case: "nodeDisconnected", value: { node: "node-a", reason: "silent" } });
    await it.record({ $case: "nodeConnected", value: { node: "node-a", facts } });
    expect(it.state.runs.room.offered.get("node-a")?.slots).toBe(1);
    const replayed = emptyState();
    for (const recorded of it.recorded) applyEvent(replayed, recorded);
    expect(replayed.runs.room).toEqual(it.state.runs.room);
    expect(replayed.fleet).toEqual(it.state.fleet);
  });

  it("change nothing when they are so already, and are refused where they make no sense", async () => {
    const it = await worldWith(flow);
    expect([await allow(it, 0), await allow(it, 3), await allow(it, 3)]).toEqual([
      false,
      true,
      false,
    ]);
    await expect(allow(it, 3, "node-b")).rejects.toMatchObject({ code: "NODE_UNKNOWN" });
    for (const slots of [-1, 1.5, 100_000]) {
      await expect(allow(it, slots)).rejects.toMatchObject({ code: "USAGE" });
    }
  });
});
