import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decideRolloutChange } from "../../src/rollout/decide-rollout.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { release, rolloutWorld } from "./rollout-world.ts";

type World = Awaited<ReturnType<typeof rolloutWorld>>;

const change = (world: World, state: string, reason = "") =>
  world.writer.decide(({ rollouts }) =>
    decideRolloutChange(rollouts, { state, reason, actor: "operator" }),
  );

/** What follows from the log alone. */
function replayed(world: World) {
  const state = emptyState();
  for (const recorded of world.recorded) applyEvent(state, recorded);
  return state.rollouts;
}

describe("a rollout", () => {
  it("sends the canary first, and the others when it is well, so many at once", async () => {
    const world = await rolloutWorld(4);
    await world.begin();
    expect(world.states()).toEqual({
      "node-0": "sent",
      "node-1": "waiting",
      "node-2": "waiting",
      "node-3": "waiting",
    });
    await world.hello("node-0", "2.0.0");
    expect(Object.values(world.states())).toEqual(["updated", "sent", "sent", "waiting"]);
    await world.hello("node-2", "2.0.0");
    expect(Object.values(world.states())).toEqual(["updated", "sent", "updated", "sent"]);
    await world.hello("node-1", "2.0.0");
    await world.hello("node-3", "2.0.0");
    expect([world.rollout, replayed(world)]).toEqual(["completed", world.state.rollouts]);
  });

  it("gives a node no new work from its turn on, and waits for what runs there", async () => {
    const world = await rolloutWorld(1);
    const { run } = await world.start("flow");
    await world.begin();
    expect(world.states()).toEqual({ "node-0": "draining" });
    await world.start("flow");
    expect(world.open()).toHaveLength(1);
    await world.finish(run, "one");
    expect(world.states()).toEqual({ "node-0": "sent" });
    expect(world.open()).toEqual([]);
    await world.hello("node-0", "2.0.0");
    expect(world.open()).toHaveLength(1);
  });

  it("waits for nothing that runs where it is told not to", async () => {
    const world = await rolloutWorld(1);
    await world.start("flow");
    await world.begin({ whileRunning: true });
    expect(world.states()).toEqual({ "node-0": "sent" });
  });

  it("stops when so many have failed, and leaves the others as they are", async () => {
    const world = await rolloutWorld(4);
    await world.begin({ canary: 0, maxFailures: 2 });
    await world.fail("node-0");
    await world.fail("node-1");
    expect(world.rollout).toBe("stopped");
    expect(Object.values(world.states())).toEqual(["failed", "failed", "sent", "waiting"]);
    await world.hello("node-2", "2.0.0");
    expect(Object.values(world.states())).toEqual(["failed", "failed", "updated", "waiting"]);
    expect(await change(world, "active")).toBe(true);
    expect(world.states()["node-3"]).toBe("sent");
    expect(replayed(world)).toEqual(world.state.rollouts);
  });

  it("counts a node that is not back in time as failed, and gives it work again", async () => {
    const world = await rolloutWorld(1);
    await world.begin();
    await world.leave("node-0");
    await world.pass(10 * 60_000);
    expect(world.states()).toEqual({ "node-0": "sent" });
    await world.pass(7 * 60_000);
    expect([world.states(), world.rollout]).toEqual([{ "node-0": "failed" }, "stopped"]);
    await world.hello("node-0", "1.0.0");
    await world.start("flow");
    expect(world.open()).toHaveLength(1);
  });

  it("sees that a version was taken back after it had been greeted", async () => {
    const world = await rolloutWorld(2);
    await world.begin();
    await world.hello("node-0", "2.0.0");
    await world.hello("node-0", "1.0.0");
    await world.fail("node-0");
    expect([world.states()["node-0"], world.rollout]).toEqual(["failed", "stopped"]);
  });

  it("does not take the report of an earlier rollout, or the same one twice", async () => {
    const world = await rolloutWorld(2);
    await world.begin({ maxFailures: 3 });
    await world.fail("node-0", "rollout0");
    expect(world.states()["node-0"]).toBe("sent");
    await world.fail("node-0");
    await world.fail("node-0");
    expect(world.state.rollouts.current?.failures).toBe(1);
  });

  it("brings nodes that were away to the version when they are back, new ones too", async () => {
    const world = await rolloutWorld(2);
    await world.leave("node-1");
    await world.begin();
    await world.hello("node-0", "2.0.0");
    expect([world.states()["node-1"], world.rollout]).toEqual(["away", "active"]);
    await world.add("node-2");
    expect(world.states()["node-2"]).toBe("sent");
    await world.hello("node-1", "1.0.0");
    expect(world.states()["node-1"]).toBe("sent");
    await world.hello("node-1", "2.0.0");
    await world.hello("node-2", "2.0.0");
    expect(world.rollout).toBe("completed");
  });

  it("lets a node that left before it was told work when it is back, and wait for its turn", async () => {
    const world = await rolloutWorld(2);
    await world.start("flow");
    await world.begin();
    await world.leave("node-0");
    expect(world.states()).toEqual({ "node-0": "away", "node-1": "sent" });
  });

  it("begins nothing while it is paused, and goes on afterwards", async () => {
    const world = await rolloutWorld(3);
    await world.start("flow");
    await world.begin({ canary: 0, maxConcurrent: 2 });
    expect(Object.values(world.states())).toEqual(["draining", "sent", "waiting"]);
    await change(world, "paused", "night");
    expect(Object.values(world.states())).toEqual(["waiting", "sent", "waiting"]);
    await world.hello("node-1", "2.0.0");
    expect(Object.values(world.states())).toEqual(["waiting", "updated", "waiting"]);
    expect(await change(world, "paused")).toBe(false);
    await change(world, "active");
    expect(Object.values(world.states()).sort()).toEqual(["draining", "sent", "updated"]);
  });

  it("leaves alone who was not told when it is aborted, and is over for good", async () => {
    const world = await rolloutWorld(2);
    await world.begin();
    await change(world, "aborted");
    expect(Object.values(world.states())).toEqual(["sent", "waiting"]);
    await expect(world.begin()).rejects.toMatchObject({ code: "ROLLOUT_ACTIVE" });
    await world.hello("node-0", "2.0.0");
    await expect(change(world, "active")).rejects.toMatchObject({ code: "ROLLOUT_ENDED" });
    await world.begin();
    expect(world.states()["node-1"]).toBe("sent");
  });

  it("is about nodes that its selector fits, whenever they do", async () => {
    const world = await rolloutWorld(0);
    await world.add("node-a", "1.0.0", { line: "3" });
    await world.add("node-b", "1.0.0", { line: "2" });
    await world.begin({ select: 'node.labels.line == "3"' });
    expect(world.states()).toEqual({ "node-a": "sent" });
    const relabelled = { actor: "x", node: "node-b", set: { line: "3" }, removed: [] };
    await world.record({ $case: "nodeLabelled", value: relabelled });
    await world.hello("node-a", "2.0.0");
    expect(world.states()).toEqual({ "node-a": "updated", "node-b": "sent" });
  });

  it("leaves later versions alone, unless it is told to go back", async () => {
    const world = await rolloutWorld(0);
    await world.add("node-a", "3.0.0");
    await world.begin();
    expect([world.states(), world.rollout]).toEqual([{ "node-a": "skipped" }, "completed"]);
    await world.begin({ downgrade: true });
    expect(world.states()).toEqual({ "node-a": "sent" });
  });

  it.each([
    ["a version that is none", { version: "two" }, "USAGE"],
    ["a version that is not published", { version: "2.0.1" }, "RELEASE_UNKNOWN"],
    ["a selector that does not parse", { select: "node.labels.line ==" }, "EXPRESSION_INVALID"],
    ["a selector of another type", { select: "1 + 1" }, "EXPRESSION_INVALID"],
    ["a selector that reads inputs", { select: "inputs.line == 3" }, "SELECTOR_UNKNOWN"],
    [
      "a selector with an unknown fact",
      { select: "node.facts.colour == 'red'" },
      "SELECTOR_UNKNOWN",
    ],
    ["no node that is selected", { select: "node.name == 'x'" }, "ROLLOUT_EMPTY"],
    ["no failures that it may have", { maxFailures: 0 }, "USAGE"],
    ["nobody at once", { maxConcurrent: 0 }, "USAGE"],
    ["no time for the new version", { confirmMs: 0 }, "USAGE"],
  ])("is refused with %s", async (_what, request, code) => {
    const world = await rolloutWorld(1);
    await expect(world.begin(request)).rejects.toMatchObject({ code });
    expect(world.state.rollouts.current).toBeNull();
  });

  it("is refused where a selected node's machine has no binary", async () => {
    const world = await rolloutWorld(1);
    await world.addNode("node-arm", {}, 4, { version: "1.0.0", arch: "arm64" });
    await expect(world.begin()).rejects.toMatchObject({ code: "RELEASE_UNKNOWN" });
    await world.publish(release("2.0.0", { arch: "arm64" }));
    await world.begin();
    expect(world.rollout).toBe("active");
  });
});

describe("any course of a rollout", () => {
  const act = fc.record({
    kind: fc.constantFrom("hello", "back", "fail", "leave", "pass", "pause", "resume", "work"),
    node: fc.integer({ min: 0, max: 3 }),
  });

  it("replays to the same state, keeps its bounds, and ends once all are there and well", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(act, { maxLength: 25 }),
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 1, max: 3 }),
        async (acts, canary, maxFailures) => {
          const world = await rolloutWorld(4);
          await world.begin({ canary, maxFailures });
          for (const { kind, node } of acts) {
            const name = `node-${node}`;
            const known = world.state.fleet.nodes.get(name);
            if (kind === "hello") await world.hello(name, "2.0.0");
            if (kind === "back") await world.hello(name, "1.0.0");
            if (kind === "fail") await world.fail(name);
            if (kind === "leave" && known?.state === "connected") await world.leave(name);
            if (kind === "pass") await world.pass(60_000);
            if (kind === "work") await world.start("flow");
            if (kind === "pause" || kind === "resume") {
              await change(world, kind === "pause" ? "paused" : "active").catch(() => {});
            }
            const { busy, updated } = world.state.rollouts.current as NonNullable<
              World["state"]["rollouts"]["current"]
            >;
            expect(busy.size).toBeLessThanOrEqual(2);
            if (updated < canary && kind !== "fail") expect(busy.size).toBeLessThanOrEqual(2);
            expect(replayed(world)).toEqual(world.state.rollouts);
          }
          await change(world, "active").catch(() => {});
          for (let node = 0; node < 4; node++) await world.hello(`node-${node}`, "2.0.0");
          const held = [...world.state.fleet.nodes.values()].filter(
            (it) => it.state !== "invited" && it.updating,
          );
          expect(held).toEqual([]);
          expect(["completed", "stopped"]).toContain(world.rollout);
        },
      ),
      { numRuns: 60 },
    );
  });
});
