import { Facts, Hello } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { createNodeReports } from "../../src/dispatch/node-reports.ts";
import { createReportDesk } from "../../src/dispatch/report-desk.ts";
import { decideSession } from "../../src/fleet/decide-session.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { decideWelcome } from "../../src/scheduler/decide-welcome.ts";
import { createFeed } from "../../src/state/feed.ts";
import { signer } from "../log/samples.ts";
import { createWorld } from "../scheduler/world.ts";

/** One side lost what the other has: a node's wiped journal, a coordinator's restored copy. */

type World = ReturnType<typeof createWorld>;

const workflow = `
kind: workflow
name: flow
steps:
  - { id: a, run: "true", retry: { limit: 1 } }
  - { id: b, depends: [a], run: "true" }
`;
const facts = Facts.fromPartial({ arch: "x86_64", isolation: "standard", slots: 4 });

function reportsOf(world: World) {
  const gather = (run: () => void) => void setImmediate(run);
  return createNodeReports({
    writer: world.writer,
    reports: createReportDesk({
      writer: world.writer,
      gather,
      sleep: async () => {},
      signal: new AbortController().signal,
    }),
    history: world.log.history,
    feed: createFeed(),
    stepLogs: openMemoryLog({ signer }).stepLogs,
    now: () => 0,
    sleep: async () => {},
    sealToken: () => new Uint8Array(),
    proxy: () => Promise.reject(new Error("not asked")),
    seen: () => {},
  });
}

async function hello(world: World, instance: number, held: readonly string[] = []) {
  const session = await world.writer.decide(({ fleet }) => decideSession(fleet, "node-a"));
  const inventory = held.map((run) => ({
    attempt: { run, step: "a", instance: 0, attempt: 1 },
    state: "running",
  }));
  const said = { facts, session, inventory, instance: `instance-${instance}` };
  const options = { verify: () => true, nowMs: 1, keyOverlapMs: 1 };
  const told = Hello.fromPartial(said);
  return world.writer.decide((it) => decideWelcome(it, "node-a", told, options));
}

const finished = (run: string) => ({
  seq: 9,
  atMs: 1,
  attempt: { run, step: "a", instance: 0, attempt: 1 },
  event: {
    $case: "finished" as const,
    value: {
      outcome: "succeeded",
      code: "",
      exit: 0,
      message: "",
      outputJson: "",
      usage: undefined,
    },
  },
});
const started = (run: string) => ({
  ...finished(run),
  seq: 8,
  event: { $case: "started" as const, value: {} },
});

async function begin(): Promise<World> {
  const world = createWorld(workflow, openMemoryLog({ signer }));
  await world.apply();
  await world.addNode("node-a");
  return world;
}

describe("a node that lost everything but its keys", () => {
  it("is given again what it never took, and what it worked on is tried again", async () => {
    const world = await begin();
    const { run: working } = await world.start("flow");
    const { run: waiting } = await world.start("flow");
    await reportsOf(world).events("node-a", { events: [started(working)] });
    const welcomed = await hello(world, 2);
    expect(welcomed).toMatchObject({ kind: "welcomed", superseded: [] });
    expect(welcomed.kind === "welcomed" && welcomed.resend.map(({ run }) => run)).toEqual([
      waiting,
    ]);
    await world.pass(60_000);
    expect(world.runOf(working).steps.get("a")?.instances[0]).toMatchObject({ attempt: 2 });
    await world.finish(working, "a");
    await world.finish(working, "b");
    expect(world.runOf(working).state).toBe("succeeded");
  });

  it("cannot have its lost attempt ended by a copy of the result that turns up later", async () => {
    const world = await begin();
    const { run } = await world.start("flow");
    await reportsOf(world).events("node-a", { events: [started(run)] });
    await hello(world, 2);
    const before = world.recorded.length;
    await reportsOf(world).events("node-a", { events: [finished(run)] });
    expect(world.recorded.length).toBe(before);
    expect(world.stateOf(run)).toMatchObject({ a: "running", b: "waiting" });
  });
});

describe("a coordinator that was restored from an older copy", () => {
  it("takes a node off what it does not know, and lets its results go without a trace", async () => {
    const world = await begin();
    const { run: known } = await world.start("flow");
    await reportsOf(world).events("node-a", { events: [started(known)] });
    const copy = [...world.recorded];
    const { run: unknown } = await world.start("flow");
    const restored = createWorld(workflow, openMemoryLog({ signer }), copy);
    expect(restored.state.runs.byId.has(unknown)).toBe(false);

    const welcomed = await hello(restored, 1, [known, unknown]);
    expect(welcomed.kind === "welcomed" && welcomed.superseded.map(({ run }) => run)).toEqual([
      unknown,
    ]);
    const before = restored.recorded.length;
    const events = [finished(unknown)];
    // Acknowledged all the same: a node that waited for a place for them would be stuck.
    expect(await reportsOf(restored).events("node-a", { events })).toEqual({
      problems: [],
      throughSeq: 9,
    });
    expect(restored.recorded.length).toBe(before);
    await reportsOf(restored).events("node-a", { events: [finished(known)] });
    expect(restored.stateOf(known)).toMatchObject({ a: "succeeded" });
  });

  it("counts what it heard before the copy once, when the node says it again", async () => {
    const world = await begin();
    const { run } = await world.start("flow");
    await reportsOf(world).events("node-a", { events: [started(run)] });
    const copy = [...world.recorded];
    await reportsOf(world).events("node-a", { events: [finished(run)] });
    const restored = createWorld(workflow, openMemoryLog({ signer }), copy);
    await hello(restored, 1, [run]);
    for (let times = 0; times < 2; times += 1) {
      await reportsOf(restored).events("node-a", { events: [started(run), finished(run)] });
    }
    const ends = restored.recorded.filter(({ event }) => event.$case === "attemptEnded");
    expect(ends).toHaveLength(1);
  });
});
