import { ProxyReply } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Conversation } from "../../src/mesh/conversation.ts";

const half = limits.proxyWindowBytes / 2;

let said: ProxyReply[];
let conversation: Conversation;

beforeEach(() => {
  vi.useFakeTimers();
  said = [];
  conversation = new Conversation((payload) => said.push(ProxyReply.decode(payload)));
});

afterEach(() => vi.useRealTimers());

function piece(bytes: number, last = false) {
  return { data: Buffer.alloc(bytes), last, proof: Buffer.alloc(64) };
}

describe("a call's conversation", () => {
  it("gives a sign while nothing else is to be said, which keeps a long call alive", async () => {
    conversation.begin(0);
    await vi.advanceTimersByTimeAsync(10 * limits.proxySignMs);
    expect(said.map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(limits.proxySignMs * 3).toBeLessThan(limits.proxySilenceMsMax);
  });

  it("gives no sign where something was said since the last one, nor after its end", async () => {
    conversation.begin(0);
    conversation.send({ status: 200 });
    await vi.advanceTimersByTimeAsync(limits.proxySignMs);
    expect(said).toHaveLength(1);
    conversation.send({ last: true });
    await vi.advanceTimersByTimeAsync(10 * limits.proxySignMs);
    expect(said).toHaveLength(2);
  });

  it("waits for a piece as long as a node may owe it, and gives the call up then", async () => {
    conversation.begin(0);
    conversation.grant(limits.proxyWindowBytes);
    const next = conversation.nextPiece();
    const ended = expect(next).rejects.toMatchObject({ code: "CALL_CANCELLED" });
    await vi.advanceTimersByTimeAsync(limits.proxyIdleMs - 1);
    expect(conversation.gone.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await ended;
    expect(conversation.gone.aborted).toBe(true);
  });

  it("begins to wait anew with each piece", async () => {
    conversation.begin(0);
    conversation.grant(limits.proxyWindowBytes);
    for (let at = 0; at < 5; at += 1) {
      const next = conversation.nextPiece();
      await vi.advanceTimersByTimeAsync(limits.proxyIdleMs - 1);
      conversation.hear({ $case: "piece", value: piece(1) });
      await expect(next).resolves.toMatchObject({ last: false });
    }
    expect(conversation.gone.aborted).toBe(false);
  });

  it("gives a call up whose node takes nothing of the answer", async () => {
    conversation.begin(0);
    conversation.send({ body: Buffer.alloc(2 * half) });
    const ended = expect(conversation.room(1)).rejects.toMatchObject({ code: "CALL_CANCELLED" });
    await vi.advanceTimersByTimeAsync(limits.proxyIdleMs);
    await ended;
  });

  it("has room again once the node has taken enough", async () => {
    conversation.begin(0);
    conversation.send({ body: Buffer.alloc(2 * half) });
    let hasRoom = false;
    const room = conversation.room(half).then(() => {
      hasRoom = true;
    });
    conversation.hear({ $case: "taken", value: half - 1 });
    await vi.advanceTimersByTimeAsync(1);
    expect(hasRoom).toBe(false);
    conversation.hear({ $case: "taken", value: half });
    await room;
  });

  it.each([
    ["a piece that was not asked for", { $case: "piece", value: piece(1) }],
    ["more taken than was said", { $case: "taken", value: 1 }],
  ] as const)("ends with %s", async (_, note) => {
    conversation.begin(0);
    conversation.hear(note);
    await expect(conversation.nextPiece()).rejects.toMatchObject({ code: "USAGE" });
  });

  it("ends with a piece after the last one", async () => {
    conversation.begin(0);
    conversation.grant(limits.proxyWindowBytes);
    conversation.hear({ $case: "piece", value: piece(1, true) });
    conversation.hear({ $case: "piece", value: piece(1) });
    expect(conversation.gone.reason).toMatchObject({ code: "USAGE" });
  });

  it("says nothing after its last word", () => {
    conversation.begin(0);
    conversation.send({ status: 200, last: true });
    conversation.send({ body: Buffer.from("more") });
    expect(said).toHaveLength(1);
  });
});
