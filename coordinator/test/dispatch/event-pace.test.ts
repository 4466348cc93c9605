import type { NodeEvent } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { beforeEach, describe, expect, it } from "vitest";
import { createEventPace, type EventPace } from "../../src/dispatch/event-pace.ts";
import { meshLimits } from "../../src/mesh/limits.ts";

const { eventBytesPerSecondMax: rate, eventBurstBytesMax: burst } = meshLimits;

let nowMs: number;
let pace: EventPace;
beforeEach(() => {
  nowMs = 1_000_000;
  pace = createEventPace(() => nowMs);
});

function said(event: NodeEvent["event"]): NodeEvent {
  return { seq: 1, atMs: 1, attempt: undefined, event };
}

function written(bytes: number): NodeEvent {
  return said({ $case: "log", value: { stream: 1, offset: 0, data: new Uint8Array(bytes) } });
}

function batch(bytes: number): NodeEvent[] {
  const { logChunkBytesMax: chunk } = limits;
  return Array.from({ length: bytes / chunk }, () => written(chunk));
}

describe("the pace of what nodes tell", () => {
  it("lets a journal that is full through at once", () => {
    expect(pace.spend("n", batch(limits.eventBatchBytesMax))).toBe(0);
    expect(pace.spend("n", batch(limits.eventBatchBytesMax))).toBe(0);
  });

  it("holds a node that floods to its rate, and no other node (107, 122)", () => {
    const beganMs = nowMs;
    let bytes = 0;
    for (let round = 0; round < 100; round++) {
      nowMs += pace.spend("floods", batch(limits.eventBatchBytesMax));
      bytes += limits.eventBatchBytesMax;
      expect(pace.spend("honest", [written(100)])).toBe(0);
    }
    const seconds = (nowMs - beganMs) / 1000;
    expect(bytes).toBeLessThanOrEqual(burst + seconds * rate + 1);
  });

  it("counts requests that are sent without waiting, so that each waits longer", () => {
    pace.spend("floods", batch(burst));
    const waits = [1, 2, 3].map(() => pace.spend("floods", batch(rate)));
    expect(waits).toEqual([1000, 2000, 3000]);
  });

  it.each<[string, NodeEvent, number]>([
    ["an empty piece of output", written(0), meshLimits.eventCostBytesMin],
    ["a start", said({ $case: "started", value: {} }), meshLimits.eventCostBytesMin],
    [
      "what was written to a device",
      said({
        $case: "actuated",
        value: {
          device: "gpio:gpiochip0",
          operation: "write",
          target: "line 1",
          bytes: 1,
          sha256: new Uint8Array(32),
        },
      }),
      meshLimits.actuationCostBytes,
    ],
  ])("counts %s for more than it holds (122)", (_what, event, cost) => {
    pace.spend("n", batch(burst));
    expect(pace.spend("n", [event])).toBeCloseTo((cost / rate) * 1000);
  });

  it("neither gives nor takes anything when the clock is set back", () => {
    pace.spend("n", batch(burst));
    nowMs -= 3_600_000;
    expect(pace.spend("n", batch(rate))).toBe(1000);
    nowMs += 1000;
    expect(pace.spend("n", batch(rate))).toBe(1000);
  });
});
