import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { worldWith } from "./world.ts";

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 75, message: "no" };
const flow = (retry: string, rest = "") => `kind: workflow
name: flow
steps:
  - { id: a, run: "true", retry: ${retry}${rest} }
`;

const two = { "node-a": {}, "node-b": {} };

/** Attempts by the time, since the start, at which each was scheduled. */
async function attemptTimes(retry: string, stepMs: number, attempts: number) {
  const it = await worldWith(flow(retry));
  const { run } = await it.start("flow");
  const times: number[] = [];
  for (let ms = 0; times.length < attempts && ms < 1_000_000; ms += stepMs) {
    if (it.open().length > 0) {
      times.push(ms);
      await it.finish(run, "a", failed);
    }
    await it.pass(stepMs);
  }
  return times;
}

describe("retrying", () => {
  it("waits longer each time, but never longer than it may", async () => {
    const times = await attemptTimes(
      "{ limit: 5, delay: 1s, backoff: 2, max_delay: 5s }",
      1_000,
      6,
    );
    const waits = times.slice(1).map((time, at) => time - (times[at] as number));
    expect(waits).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
  });

  it("stays within its limit and its longest delay, whatever they are", async () => {
    const seconds = fc.integer({ min: 1, max: 5 });
    await fc.assert(
      fc.asyncProperty(seconds, seconds, seconds, async (limit, delay, most) => {
        const retry = `{ limit: ${limit}, delay: ${delay}s, backoff: 1.5, max_delay: ${most}s }`;
        const times = await attemptTimes(retry, 500, 7);
        expect(times).toHaveLength(limit + 1);
        for (const [at, time] of times.slice(1).entries()) {
          expect(time - (times[at] as number)).toBeLessThanOrEqual(most * 1_000);
        }
      }),
      { numRuns: 10 },
    );
  });

  it("happens only after the codes and exit statuses that it names", async () => {
    const it = await worldWith(flow("{ limit: 3, on: [75, STEP_TIMEOUT] }"));
    const { run } = await it.start("flow");
    await it.finish(run, "a", failed);
    await it.finish(run, "a", { ...failed, code: "STEP_TIMEOUT", exit: 0 });
    expect(it.open()).toEqual(["a[0]#3@node-a"]);
    await it.finish(run, "a", { ...failed, exit: 1 });
    expect(it.runOf(run).state).toBe("failed");
  });

  it("moves to another node when it is told to, however full that is", async () => {
    const it = await worldWith(flow("{ limit: 3, move: true }"), two);
    const { run } = await it.start("flow");
    const [first] = it.open();
    const other = first?.endsWith("node-a") === true ? "node-b" : "node-a";
    await it.finish(run, "a", failed);
    expect(it.open()).toEqual([`a[0]#2@${other}`]);
  });

  it("stays where it is when no other node is there, now or later", async () => {
    const it = await worldWith(flow("{ limit: 3, delay: 1s, move: true }"), two);
    const { run } = await it.start("flow");
    const [first] = it.open();
    const here = first?.endsWith("node-a") === true ? "node-a" : "node-b";
    const other = here === "node-a" ? "node-b" : "node-a";
    for (const _ of [1, 2, 3, 4, 5]) await it.start("flow");
    const others = () => it.open().filter((open) => open.endsWith(other)).length;
    while (others() < 4) await it.start("flow");
    await it.finish(run, "a", failed);
    await it.pass(1_000);
    expect(it.runOf(run).steps.get("a")?.instances[0]?.state).toBe("queued");
    await it.record({ $case: "nodeDisconnected", value: { node: other, reason: "silent" } });
    const moved = it.runOf(run).steps.get("a")?.instances[0];
    expect([moved?.state, moved?.node]).toEqual(["scheduled", here]);
  });

  it.each([
    ["{ limit: 1, backoff: 2 }", "", "no `delay`"],
    ["{ limit: 1, delay: 1s, max_delay: 2s }", "", "without `backoff`"],
    ["{ limit: 1, move: true }", ", nodes: { count: 2 }", "belongs to its node"],
    ["{ limit: 1, on: [STEP_EXITT] }", "", "Invalid option"],
    ["{ limit: 1, on: [0] }", "", "Too small"],
    ["{ limit: 0 }", "", "Too small"],
  ])("is refused settings without effect: %s", async (retry, rest, message) => {
    await expect(worldWith(flow(retry, rest))).rejects.toThrow(message);
  });
});
