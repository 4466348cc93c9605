import { describe, expect, it, vi } from "vitest";
import { createNodeHost } from "../../node/host.ts";
import { pretendedSandbox } from "../../node/sandbox.ts";
import { superviseBy } from "../../src/service/supervision.ts";

async function supervised(environment: Record<string, string>) {
  const told: string[] = [];
  const host = await createNodeHost({
    sandbox: pretendedSandbox(async () => {}),
    info: { process: 12 },
    environment,
    onNotify: (state) => told.push(state),
  });
  const stop = new AbortController();
  let status = "connecting";
  const done = superviseBy(host, () => status, stop.signal);
  return {
    told,
    say: (text: string) => {
      status = text;
    },
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

describe("what a service manager is told", () => {
  it("is that the agent is ready, what it does, and that it ends", async () => {
    vi.useFakeTimers();
    const agent = await supervised({});
    expect(agent.told).toEqual(["READY=1\nSTATUS=connecting", "STATUS=connecting"]);
    agent.say("connected\nWATCHDOG=1");
    await vi.advanceTimersByTimeAsync(5_000);
    expect(agent.told.at(-1)).toBe("STATUS=connected WATCHDOG=1");
    const count = agent.told.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(agent.told.length).toBe(count);
    await agent.stop();
    expect(agent.told.at(-1)).toMatch(/^STOPPING=1\n/);
    vi.useRealTimers();
  });

  it("is thrice in the watchdog's time that the loop goes on", async () => {
    vi.useFakeTimers();
    const agent = await supervised({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "12" });
    await vi.advanceTimersByTimeAsync(9_000);
    expect(agent.told.filter((it) => it.includes("WATCHDOG=1")).length).toBe(10);
    await agent.stop();
    vi.useRealTimers();
  });

  it.each([
    { WATCHDOG_USEC: "3000000", WATCHDOG_PID: "13" },
    { WATCHDOG_USEC: "0" },
    { WATCHDOG_USEC: "soon" },
  ])("is nothing of a watchdog that waits for another, or for nobody: %j", async (environment) => {
    vi.useFakeTimers();
    const agent = await supervised(environment);
    await vi.advanceTimersByTimeAsync(9_000);
    expect(agent.told.join()).not.toContain("WATCHDOG");
    await agent.stop();
    vi.useRealTimers();
  });
});
