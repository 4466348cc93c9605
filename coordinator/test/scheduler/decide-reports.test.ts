import type { AttemptKey, Finished, NodeEvent } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { decideReports, type Report } from "../../src/scheduler/decide-reports.ts";
import { reportsOf, worldWith } from "./world.ts";

const workflow = `kind: workflow
name: flow
steps:
  - { id: work, run: "true" }
`;
const result: Finished = {
  outcome: "succeeded",
  code: "",
  exit: 0,
  message: "",
  outputJson: "",
  usage: undefined,
};

async function setUp() {
  const world = await worldWith(workflow);
  const { run } = await world.start("flow");
  const attempt: AttemptKey = { run, step: "work", instance: 0, attempt: 1 };
  const decide = (...reports: Report[]) => decideReports(world.state, reports).events;
  return { world, attempt, decide, ...saidOf(attempt) };
}

function saidOf(attempt: AttemptKey) {
  const say = (seq: number, atMs: number, event: NonNullable<NodeEvent["event"]>) =>
    reportsOf("node-a", [{ seq, atMs, attempt, event }])[0] as Report;
  return {
    accepted: { kind: "accepted", attempt } as const,
    started: say(1, 500, { $case: "started", value: {} }),
    log: say(2, 501, { $case: "log", value: { stream: 1, offset: 0, data: new Uint8Array(1) } }),
    finished: say(3, 502, { $case: "finished", value: result }),
  };
}

describe("what is heard of an attempt at once", () => {
  it("is recorded as its end alone, with the start that was told", async () => {
    const { attempt, decide, accepted, started, log, finished } = await setUp();
    const value = { attempt, result, nodeSeq: 3, nodeStartedMs: 500 };
    const ended = [{ $case: "attemptEnded", value }];
    expect(decide(accepted, started, log, finished)).toEqual(ended);
    expect(decide(started, finished, accepted)).toEqual(ended);
    expect(decide(accepted, started, started, finished, finished)).toEqual(ended);
  });

  it("is recorded as its start alone while it goes on, and as its acceptance before that", async () => {
    const { attempt, decide, accepted, started, log } = await setUp();
    const value = { attempt, nodeAtMs: 500 };
    expect(decide(accepted, started, log)).toEqual([{ $case: "attemptStarted", value }]);
    expect(decide(accepted)).toEqual([{ $case: "attemptAccepted", value: { attempt } }]);
    expect(decide(log)).toEqual([]);
  });

  it("leaves the start to the event that told of it before", async () => {
    const { world, attempt, decide, accepted, started, finished } = await setUp();
    await world.writer.decide((it) => decideReports(it, [started]));
    expect(decide(accepted, started)).toEqual([]);
    const value = { attempt, result, nodeSeq: 3, nodeStartedMs: 0 };
    expect(decide(started, finished)).toEqual([{ $case: "attemptEnded", value }]);
    await world.writer.decide((it) => decideReports(it, [finished]));
    const instance = world.runOf(attempt.run).steps.get("work")?.instances[0];
    expect(instance).toMatchObject({ state: "succeeded", startedMs: 500 });
    expect(decide(accepted, started, finished)).toEqual([]);
  });

  it("tells when it started although its end is all that was recorded", async () => {
    const { world, attempt, accepted, started, finished } = await setUp();
    await world.writer.decide((it) => decideReports(it, [accepted, started, finished]));
    const instance = world.runOf(attempt.run).steps.get("work")?.instances[0];
    expect(instance).toMatchObject({ state: "succeeded", startedMs: 500 });
  });

  it("keeps the attempts apart, and believes no other node", async () => {
    const { world, decide, accepted, started, finished } = await setUp();
    const second = await world.start("flow");
    const other = saidOf({ run: second.run, step: "work", instance: 0, attempt: 1 });
    const cases = decide(accepted, other.started, started, other.finished).map((it) => it.$case);
    expect(cases).toEqual(["attemptStarted", "attemptEnded"]);
    expect(decide({ ...finished, node: "node-x" } as Report)).toEqual([]);
  });

  it("takes a refusal for the end", async () => {
    const { attempt, decide, accepted } = await setUp();
    const refused = { ...result, outcome: "failed", code: "NODE_BUSY" };
    const value = { attempt, result: refused, nodeSeq: 0, nodeStartedMs: 0 };
    expect(decide({ kind: "refused", attempt, result: refused }, accepted)).toEqual([
      { $case: "attemptEnded", value },
    ]);
  });
});
