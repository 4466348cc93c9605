import { describe, expect, it } from "vitest";
import { decideReconcile } from "../../src/scheduler/decide-attempt.ts";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { createWorld } from "../scheduler/world.ts";

const workflow = `
kind: workflow
name: flow
steps:
  - { id: a, run: "true" }
`;

/** Parts of a run of it: a step, its instance, its inputs. */
const parts = 3;

async function setUp(endedPartsMax?: number) {
  const world = createWorld(workflow, undefined, [], endedPartsMax);
  await world.apply();
  await world.addNode("node-a");
  const play = async (key = "") => {
    const { run } = await world.start("flow", key);
    await world.finish(run, "a");
    return run;
  };
  return { world, play };
}

describe("ended runs", () => {
  it("leave memory in the order in which they ended, and the last one stays", async () => {
    const { world, play } = await setUp(2 * parts);
    const runs = [await play(), await play(), await play(), await play()];
    expect([...world.state.runs.byId.keys()]).toEqual(runs.slice(1));
    expect(world.state.runs.endedParts).toBe(3 * parts);
    await play();
    expect([...world.state.runs.ended.keys()].slice(0, 2)).toEqual(runs.slice(2));
  });

  it("leave nothing behind in memory, however many there were", async () => {
    const { world, play } = await setUp(0);
    for (let at = 0; at < 50; at++) await play(`key-${at}`);
    const { byId, ended, endedParts, byIdempotencyKey, onNode, timers, ready } = world.state.runs;
    expect([byId.size, ended.size, byIdempotencyKey.size, endedParts]).toEqual([1, 1, 1, parts]);
    expect([onNode.size, timers.size, ready.size]).toEqual([0, 0, 0]);
  });

  it("weigh what their outputs do", async () => {
    const { world } = await setUp();
    const { run } = await world.start("flow");
    const outputJson = JSON.stringify("x".repeat(10 * schedulerLimits.endedPartLength));
    await world.finish(run, "a", { outputJson });
    expect(world.state.runs.endedParts).toBe(parts + 11);
  });

  it("that go on stay, however many ended after them", async () => {
    const { world, play } = await setUp(0);
    const { run } = await world.start("flow");
    for (let at = 0; at < 5; at++) await play();
    expect(world.runOf(run).state).toBe("running");
  });

  it("keep their idempotency keys after they have left memory", async () => {
    const { world, play } = await setUp(0);
    const first = await play("same");
    await play();
    expect(world.state.runs.byId.has(first)).toBe(false);
    expect(await world.start("flow", "same")).toEqual({ run: first, existing: true });
  });

  it("are superseded for a node that still holds their attempts", async () => {
    const { world, play } = await setUp(0);
    const run = await play();
    await play();
    const attempt = { run, step: "a", instance: 0, attempt: 1 };
    const { events, value } = decideReconcile(world.state.runs, "node-a", [
      { attempt, state: "running" },
    ]);
    expect([events, value]).toEqual([[], { superseded: [attempt], resend: [] }]);
  });

  it("leave the same memory when the log is replayed", async () => {
    const { world, play } = await setUp(2 * parts);
    for (let at = 0; at < 5; at++) await play(`key-${at}`);
    const replayed = emptyState(2 * parts);
    for (const recorded of world.recorded) applyEvent(replayed, recorded);
    expect(replayed.runs).toEqual(world.state.runs);
    expect(replayed.budget).toEqual(world.state.budget);
  });
});
