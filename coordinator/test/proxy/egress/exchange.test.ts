import { refuse } from "@cohort/proto/problem";
import type { Dispatcher } from "undici";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import {
  type AnswerReceiver,
  type Exchange,
  exchange,
} from "../../../src/proxy/egress/exchange.ts";
import { proxyLimits } from "../../../src/proxy/limits.ts";

const request = {
  method: "GET",
  path: "/",
  headers: [],
  body: { length: 0, whole: new Uint8Array(), async *pieces() {} },
} as const;

let handler: Dispatcher.DispatchHandler;
let controller: Dispatcher.DispatchController;
let outcome: Exchange | null;
let receiver: AnswerReceiver;
const cancel = new AbortController();

/** A call that is out, whose answer the test makes up. */
beforeEach(() => {
  vi.useFakeTimers();
  outcome = null;
  controller = { abort: vi.fn(), pause: vi.fn(), resume: vi.fn() } as never;
  receiver = { head: () => {}, data: () => undefined, ended: () => undefined };
  const pool = {
    dispatch: (_: unknown, given: Dispatcher.DispatchHandler) => {
      handler = given;
      return true;
    },
  };
  const ended = exchange(
    pool as never,
    request,
    {
      head: (...given) => receiver.head(...given),
      data: (chunk) => receiver.data(chunk),
      ended: () => receiver.ended(),
    },
    cancel.signal,
  );
  void ended.then((it) => {
    outcome = it;
  });
  handler.onRequestStart?.(controller, {});
});

afterEach(() => vi.useRealTimers());

const answers = () => handler.onResponseStart?.(controller, 200, {}, "OK");
const sends = (text: string) => handler.onResponseData?.(controller, Buffer.from(text));

describe("the exchange with a service", () => {
  it("leaves it to the call's own time how long a service thinks before it answers", async () => {
    await vi.advanceTimersByTimeAsync(2 * proxyLimits.answerIdleMs);
    expect(outcome).toBeNull();
  });

  it.each([
    ["after its head", () => {}],
    ["after a piece of its body", () => sends("half")],
  ])("breaks an answer off that pauses too long %s", async (_, act) => {
    answers();
    await vi.advanceTimersByTimeAsync(proxyLimits.answerIdleMs - 1);
    act();
    await vi.advanceTimersByTimeAsync(proxyLimits.answerIdleMs);
    expect(outcome).toMatchObject({ kind: "failed", problem: { code: "UPSTREAM_TIMEOUT" } });
    expect(controller.abort).toHaveBeenCalledOnce();
  });

  it("lets an answer go on that says something now and then", async () => {
    answers();
    for (let at = 0; at < 10; at += 1) {
      await vi.advanceTimersByTimeAsync(proxyLimits.answerIdleMs - 1);
      sends("tick");
    }
    handler.onResponseEnd?.(controller, {});
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome).toEqual({ kind: "answered", status: 200, bytesIn: 40 });
  });

  it("holds no pause against the service while the node has no room", async () => {
    let taken = () => {};
    receiver = {
      ...receiver,
      data: () =>
        new Promise((resolve) => {
          taken = resolve;
        }),
    };
    answers();
    sends("a piece");
    expect(controller.pause).toHaveBeenCalledOnce();
    await vi.advanceTimersByTimeAsync(2 * proxyLimits.answerIdleMs);
    expect(outcome).toBeNull();
    taken();
    await vi.advanceTimersByTimeAsync(proxyLimits.answerIdleMs - 1);
    expect(controller.resume).toHaveBeenCalledOnce();
    expect(outcome).toBeNull();
    await vi.advanceTimersByTimeAsync(1);
    expect(outcome).toMatchObject({ problem: { code: "UPSTREAM_TIMEOUT" } });
  });

  it("breaks off what its receiver refuses, with the receiver's words", async () => {
    receiver = {
      ...receiver,
      data() {
        throw refuse("BUDGET_EXHAUSTED", "enough");
      },
    };
    answers();
    sends("too much");
    await vi.advanceTimersByTimeAsync(0);
    expect(outcome).toMatchObject({ kind: "failed", bytesIn: 8, problem: { message: "enough" } });
  });
});
