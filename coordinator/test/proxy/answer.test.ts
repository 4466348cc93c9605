import { setImmediate as turnsEnd } from "node:timers/promises";
import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { NodeAnswer } from "../../src/proxy/answer.ts";
import { TestChannel } from "./test-channel.ts";

function openAnswer() {
  const channel = new TestChannel();
  const lengths = () => channel.replies.map(({ body }) => body.length);
  return { answer: new NodeAnswer(channel), sent: channel.replies, lengths };
}

const record = Buffer.alloc(16 * 1024, 7);

describe("an answer to a node", () => {
  it("says in one message what arrived together, in however many pieces", async () => {
    const { answer, sent, lengths } = openAnswer();
    answer.head(200, []);
    for (let count = 0; count < 4; count += 1) answer.data(record);
    await turnsEnd();
    expect(lengths()).toEqual([4 * record.length]);
    expect(sent[0]).toMatchObject({ status: 200 });
    answer.data(record);
    await turnsEnd();
    expect(lengths()).toEqual([4 * record.length, record.length]);
  });

  it("waits for no more once a message is full", async () => {
    const { answer, lengths } = openAnswer();
    for (let bytes = 0; bytes < limits.proxyPieceBytesMax; bytes += record.length) {
      answer.data(record);
    }
    await turnsEnd();
    expect(lengths()).toEqual([limits.proxyPieceBytesMax]);
  });

  it("keeps the whole of a short one for its end", async () => {
    const { answer, sent } = openAnswer();
    answer.head(200, []);
    answer.data(record);
    answer.ended();
    await turnsEnd();
    expect(sent).toEqual([]);
    await answer.finish([]);
    expect(sent).toHaveLength(1);
    expect(sent[0]).toMatchObject({ status: 200, last: true });
  });

  it("says nothing more of one that is not fit to go on", async () => {
    const { answer, lengths } = openAnswer();
    answer.data(record);
    answer.broken();
    await turnsEnd();
    expect(lengths()).toEqual([]);
  });
});
