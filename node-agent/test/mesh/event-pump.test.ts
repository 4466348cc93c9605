import { EventAck, EventBatch } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { describe, expect, it } from "vitest";
import { Journal } from "../../src/journal/journal.ts";
import { agentLimits } from "../../src/limits.ts";
import { EventPump } from "../../src/mesh/event-pump.ts";
import { deferred } from "../../src/wait.ts";
import { testHost } from "../kit/node.ts";

const attempt = { run: "r1", step: "step", instance: 0, attempt: 1 };

/**
 * Sends one event after the other. Each number is what one answer takes, in ms: no answer comes
 * later than what it is waited for. Gives those waits.
 */
async function waitsFor(answersMs: readonly number[]): Promise<number[]> {
  let nowMs = 0;
  const host = { ...(await testHost(async () => {})), monotonic: () => nowMs, random: zeros };
  const journal = Journal.open(host, "/journal");
  const pump = new EventPump(host, journal);
  const ended = new AbortController();
  const waits: number[] = [];
  const event = () => journal.record(attempt, { $case: "started", value: {} }, 0);
  event();
  await pump.run(async (batch, timeoutMs) => {
    const answerMs = answersMs[waits.length] as number;
    waits.push(timeoutMs);
    nowMs += Math.min(answerMs, timeoutMs);
    if (waits.length === answersMs.length) ended.abort();
    if (answerMs === 0) throw refuse("UNREACHABLE", "nobody listens");
    if (answerMs > timeoutMs) throw refuse("CALL_UNCERTAIN", "no answer");
    event();
    const throughSeq = EventBatch.decode(batch).events.at(-1)?.seq ?? 0;
    return EventAck.encode({ problems: [], throughSeq }).finish();
  }, ended.signal);
  return waits;
}

const zeros = (length: number) => new Uint8Array(length);

/** A journal that is more than half full of output, and a pump whose batches `answer` answers. */
async function crowdedPump(answer: () => Promise<"taken" | "unheard">) {
  const host = { ...(await testHost(async () => {})), monotonic: () => 0, random: zeros };
  const journal = Journal.open(host, "/journal");
  const data = new Uint8Array(agentLimits.journalLogBytesMax / 2);
  journal.record(attempt, { $case: "log", value: { stream: 1, offset: 0, data } }, 0);
  const pump = new EventPump(host, journal);
  const ended = new AbortController();
  const running = pump.run(async (batch) => {
    if ((await answer()) === "unheard") throw refuse("UNREACHABLE", "nobody listens");
    const throughSeq = EventBatch.decode(batch).events.at(-1)?.seq ?? 0;
    return EventAck.encode({ problems: [], throughSeq }).finish();
  }, ended.signal);
  return { pump, ended, running };
}

describe("output that comes faster than it is taken", () => {
  it("waits until the coordinator has taken some", async () => {
    const answer = deferred<"taken">();
    const { pump, ended, running } = await crowdedPump(() => answer.promise);
    const room = pump.roomForLogs();
    expect(room).not.toBeNull();
    answer.resolve("taken");
    await room;
    expect(pump.roomForLogs()).toBeNull();
    ended.abort();
    await running;
  });

  it("waits no longer when nobody takes it", async () => {
    const answer = deferred<"unheard">();
    const { pump, ended, running } = await crowdedPump(() => answer.promise);
    const room = pump.roomForLogs();
    answer.resolve("unheard");
    await room;
    expect(pump.roomForLogs()).toBeNull();
    ended.abort();
    await running;
  });

  it("waits no longer when the connection ends", async () => {
    const answer = deferred<"unheard">();
    const { pump, ended, running } = await crowdedPump(() => answer.promise);
    const room = pump.roomForLogs();
    ended.abort();
    answer.resolve("unheard");
    await room;
    await running;
    expect(pump.roomForLogs()).toBeNull();
  });
});

describe("an acknowledgement of events", () => {
  it("is waited for briefly while answers come quickly", async () => {
    expect(await waitsFor([20, 20, 20])).toEqual([2_000, 2_000, 2_000]);
  });

  it("is waited for longer when none came in time, until a slow line gets through", async () => {
    expect(await waitsFor([7_000, 7_000, 7_000, 7_000, 7_000])).toEqual([
      2_000, 4_000, 8_000, 28_000, 28_000,
    ]);
  });

  it("is not waited for longer because nobody listens", async () => {
    expect(await waitsFor([0, 0, 0, 20])).toEqual([2_000, 2_000, 2_000, 2_000]);
  });
});
