import { limits } from "@cohort/proto/limits";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Presence, watchPresence } from "../../src/mesh/presence.ts";

let presence: Presence;
const told: string[][] = [];

beforeEach(() => {
  vi.useFakeTimers();
  told.length = 0;
  presence = watchPresence({
    connected: ["from-the-log"],
    now: Date.now,
    onSilent: (lastSeenMs) => void told.push([...lastSeenMs.keys()]),
  });
});

afterEach(() => {
  presence.close();
  vi.useRealTimers();
});

describe("presence", () => {
  it("tells of a node once, soon after its silence was too long", () => {
    presence.seen("press-1");
    vi.advanceTimersByTime(limits.heartbeatMs);
    presence.seen("from-the-log");
    vi.advanceTimersByTime(limits.nodeSilenceMsMax - limits.heartbeatMs);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual([["press-1"]]);
    vi.advanceTimersByTime(limits.heartbeatMs);
    expect(told).toEqual([["press-1"], ["from-the-log"]]);
  });

  it("says nothing while heartbeats come", () => {
    for (let beat = 0; beat < 20; beat++) {
      presence.seen("press-1");
      presence.seen("from-the-log");
      vi.advanceTimersByTime(limits.heartbeatMs);
    }
    expect(told).toEqual([]);
  });

  it("gives a node of the log a full silence from the start", () => {
    vi.advanceTimersByTime(limits.nodeSilenceMsMax);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(1_000);
    expect(told).toEqual([["from-the-log"]]);
  });

  it("does not take its own standstill for the nodes' silence", () => {
    vi.setSystemTime(Date.now() + 60 * 60_000);
    vi.advanceTimersByTime(limits.heartbeatMs);
    expect(told).toEqual([]);
  });

  it("watches a node again that comes back", () => {
    vi.advanceTimersByTime(limits.nodeSilenceMsMax + 1_000);
    presence.seen("from-the-log");
    expect(presence.lastSeenMs("from-the-log")).toBe(Date.now());
    vi.advanceTimersByTime(limits.nodeSilenceMsMax + 1_000);
    expect(told).toEqual([["from-the-log"], ["from-the-log"]]);
  });
});
