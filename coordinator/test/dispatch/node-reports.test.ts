import { limits } from "@cohort/proto/limits";
import { describe, expect, it, vi } from "vitest";
import { createNodeReports } from "../../src/dispatch/node-reports.ts";
import { createReportDesk } from "../../src/dispatch/report-desk.ts";
import type { StepLogStore } from "../../src/log/log.ts";
import { openMemoryLog } from "../../src/log/memory.ts";
import { createFeed } from "../../src/state/feed.ts";
import { signer } from "../log/samples.ts";
import { createWorld } from "../scheduler/world.ts";

const workflow = `
kind: workflow
name: flow
steps:
  - { id: a, run: "true" }
`;

/** A run that has left memory, and what its node still reports. */
async function setUp(
  append?: (write: () => Promise<void>) => Promise<void>,
  sleep: (ms: number) => Promise<void> = async () => {},
) {
  const log = openMemoryLog({ signer });
  const { stepLogs } = log;
  const slow: StepLogStore = {
    ...stepLogs,
    append: (chunks) => append?.(() => stepLogs.append(chunks)) ?? stepLogs.append(chunks),
  };
  const world = createWorld(workflow, log, [], 0);
  await world.apply();
  await world.addNode("node-a");
  const reports = createNodeReports({
    writer: world.writer,
    reports: createReportDesk({
      writer: world.writer,
      gather: setImmediate,
      sleep: async () => {},
      signal: new AbortController().signal,
    }),
    history: log.history,
    feed: createFeed(),
    stepLogs: slow,
    now: () => 0,
    sleep,
    sealToken: () => new Uint8Array(),
    proxy: () => Promise.reject(new Error("not asked")),
    seen: () => {},
  });
  const { run } = await world.start("flow");
  await world.finish(run, "a");
  const { run: next } = await world.start("flow");
  await world.finish(next, "a");
  expect(world.state.runs.byId.has(run)).toBe(false);
  const attempt = { run, step: "a", instance: 0, attempt: 1 };
  const written = { stream: 1, offset: 0, data: Buffer.from("late") };
  const report = { seq: 7, atMs: 1, attempt, event: { $case: "log" as const, value: written } };
  const kept = () => log.stepLogs.read(run, "", 0, { chunks: 10, bytes: 1e6 });
  const output = () => kept().map(({ data }) => Buffer.from(data).toString());
  return { reports, world, report, kept, output };
}

describe("reports on a run that has left memory", () => {
  it("keep its output", async () => {
    const { reports, report, output } = await setUp();
    const answer = await reports.events("node-a", { events: [report] });
    expect(answer).toEqual({ problems: [], throughSeq: 7 });
    expect(output()).toEqual(["late"]);
  });

  it("that come twice are answered when the first copy is on the disk, not before", async () => {
    let write = () => {};
    const onDisk = new Promise<void>((resolve) => {
      write = resolve;
    });
    const { reports, report, output } = await setUp((append) => onDisk.then(append));
    let answers = 0;
    const told = [1, 2].map(() =>
      reports.events("node-a", { events: [report] }).then(() => {
        answers += 1;
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect([answers, output()]).toEqual([0, []]);
    write();
    await Promise.all(told);
    expect(output()).toEqual(["late"]);
  });

  it("keep no output of another node, another attempt, or a run that nobody knows", async () => {
    const { reports, report, output } = await setUp();
    await reports.events("node-b", { events: [report] });
    const { attempt } = report;
    await reports.events("node-a", {
      events: [
        { ...report, attempt: { ...attempt, attempt: 2 } },
        { ...report, attempt: { ...attempt, step: "z" } },
        { ...report, attempt: { ...attempt, run: "none" } },
      ],
    });
    expect(output()).toEqual([]);
  });

  it("change nothing with a late result", async () => {
    const { reports, world, report } = await setUp();
    const before = world.recorded.length;
    const result = {
      outcome: "failed",
      code: "STEP_EXIT",
      exit: 1,
      message: "",
      outputJson: "",
      usage: undefined,
    };
    const finished = { ...report, event: { $case: "finished" as const, value: result } };
    expect(await reports.events("node-a", { events: [finished] })).toMatchObject({ throughSeq: 7 });
    expect(world.recorded.length).toBe(before);
  });
});

describe("the end of an attempt's output", () => {
  const finished = (logBytes: number | undefined) => ({
    $case: "finished" as const,
    value: {
      ...{ outcome: "succeeded", code: "", exit: 0, message: "", outputJson: "" },
      ...{ usage: undefined, logBytes },
    },
  });

  it("is marked where it did not come, once", async () => {
    const { reports, report, kept } = await setUp();
    const end = { ...report, seq: 8, event: finished(100) };
    await reports.events("node-a", { events: [report, end] });
    await reports.events("node-a", { events: [end] });
    expect(kept().map(({ offset, data }) => [offset, data.length])).toEqual([
      [0, 4],
      [100, 0],
    ]);
  });

  it.each([
    ["all of it came", 4],
    ["nobody knows how much there was", undefined],
  ])("is not marked where %s", async (_what, logBytes) => {
    const { reports, report, output } = await setUp();
    const end = { ...report, seq: 8, event: finished(logBytes) };
    await reports.events("node-a", { events: [report, end] });
    expect(output()).toEqual(["late"]);
  });

  it("is not marked on the word of another node", async () => {
    const { reports, report, output } = await setUp();
    await reports.events("node-b", { events: [{ ...report, event: finished(100) }] });
    expect(output()).toEqual([]);
  });
});

describe("a node that floods with output", () => {
  it("waits for its acknowledgement, and nothing that it told does (107, 122)", async () => {
    const waits: number[] = [];
    const { reports, world, report, output } = await setUp(undefined, (ms) => {
      waits.push(ms);
      return new Promise(() => {});
    });
    const data = Buffer.alloc(limits.logChunkBytesMax, "x");
    const flood = Array.from({ length: 400 }, (_, at) => ({
      ...report,
      event: { $case: "log" as const, value: { stream: 1, offset: at * data.length, data } },
    }));
    const { run } = await world.start("flow");
    const attempt = { run, step: "a", instance: 0, attempt: 1 };
    const value = {
      ...{ outcome: "succeeded", code: "", exit: 0, message: "", outputJson: "" },
      usage: undefined,
    };
    const end = { seq: 9, atMs: 1, attempt, event: { $case: "finished" as const, value } };
    let acknowledged = false;
    void reports.events("node-a", { events: [...flood, end] }).then(() => {
      acknowledged = true;
    });
    await vi.waitUntil(() => waits.length === 1);
    expect(world.state.runs.active.has(run)).toBe(false);
    expect(output()).toHaveLength(10);
    expect(acknowledged).toBe(false);
    expect(await reports.events("node-b", { events: [report] })).toMatchObject({ throughSeq: 7 });
    expect(waits).toHaveLength(1);
  });
});
