import { EventAck, EventBatch } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { describe, expect, it } from "vitest";
import { Journal } from "../../src/journal/journal.ts";
import { EventPump } from "../../src/mesh/event-pump.ts";
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
