import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { createReportDesk } from "../../src/dispatch/report-desk.ts";
import type { Report } from "../../src/scheduler/decide-reports.ts";
import { reportsOf, worldWith } from "../scheduler/world.ts";

const workflow = `kind: workflow
name: flow
steps:
  - { id: work, run: "true" }
`;
const result = {
  outcome: "succeeded",
  code: "",
  exit: 0,
  message: "",
  outputJson: "",
  usage: undefined,
};

/** Attempts that wait for their node, and a desk whose patience ends when the test says so. */
async function setUp(count: number) {
  const world = await worldWith(workflow);
  const attempts: AttemptKey[] = [];
  for (let at = 0; at < count; at++) {
    const { run } = await world.start("flow");
    attempts.push({ run, step: "work", instance: 0, attempt: 1 });
  }
  const closing = new AbortController();
  const patience: (() => void)[] = [];
  const desk = createReportDesk({
    writer: world.writer,
    gather: setImmediate,
    sleep: () => new Promise((resolve) => patience.push(resolve)),
    signal: closing.signal,
  });
  const from = world.recorded.length;
  const recorded = () => world.recorded.slice(from).map(({ event }) => event.$case);
  const told = watch(desk.hand(attempts.map((attempt) => ({ kind: "accepted", attempt }))));
  await settled();
  const endPatience = async () => {
    for (const end of patience) end();
    await settled();
  };
  return { desk, attempts, closing, recorded, told, endPatience };
}

function ofNode(attempt: AttemptKey, $case: "started" | "finished", node = "node-a"): Report[] {
  const event = $case === "started" ? { $case, value: {} } : { $case, value: result };
  return reportsOf(node, [{ seq: 1, atMs: 1, attempt, event }]);
}

function watch(promise: Promise<void>): { done: boolean } {
  const watched = { done: false };
  void promise.then(() => {
    watched.done = true;
  });
  return watched;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

describe("that a node has taken an attempt", () => {
  it("is recorded after a little when nothing more is heard, and told of then", async () => {
    const { recorded, told, endPatience } = await setUp(2);
    expect([recorded(), told.done]).toEqual([[], false]);
    await endPatience();
    expect([recorded(), told.done]).toEqual([["attemptAccepted", "attemptAccepted"], true]);
  });

  it("is part of what is heard of the attempt next", async () => {
    const { desk, attempts, recorded, told, endPatience } = await setUp(2);
    const [first, second] = attempts as [AttemptKey, AttemptKey];
    await desk.hand(ofNode(first, "started"));
    expect([recorded(), told.done]).toEqual([["attemptStarted"], false]);
    await desk.hand(ofNode(second, "finished"));
    await settled();
    const all = ["attemptStarted", "attemptEnded", "stepEnded", "runEnded"];
    expect([recorded(), told.done]).toEqual([all, true]);
    await endPatience();
    expect(recorded()).toEqual(all);
  });

  it("is recorded all the same when another node speaks of the attempt", async () => {
    const { desk, attempts, recorded } = await setUp(1);
    await desk.hand(ofNode(attempts[0] as AttemptKey, "finished", "node-b"));
    expect(recorded()).toEqual(["attemptAccepted"]);
  });

  it("is forgotten when the node turns out not to hold it", async () => {
    const { desk, attempts, recorded, told, endPatience } = await setUp(2);
    desk.doubt(attempts.slice(0, 1));
    await endPatience();
    expect([recorded(), told.done]).toEqual([["attemptAccepted"], true]);
  });

  it("is left to the next start once the coordinator closes", async () => {
    const { closing, recorded, told, endPatience } = await setUp(1);
    closing.abort();
    await endPatience();
    expect([recorded(), told.done]).toEqual([[], true]);
  });
});
