import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createRates } from "../../src/proxy/rates.ts";

const rate = { key: "desk", calls: 3, perMs: 300 };

/** The times at which calls that ask at `times` may go, each taken. */
function turns(times: readonly number[], wanted = [rate], sweepAt = 100): number[] {
  const rates = createRates(sweepAt);
  return times.map((nowMs) => {
    const atMs = nowMs + rates.waitMs(wanted, nowMs);
    rates.take(wanted, nowMs);
    return atMs;
  });
}

describe("a rate", () => {
  it("lets so many calls go at once, and the next one when there is room again", () => {
    expect(turns([0, 0, 0, 0, 0, 0])).toEqual([0, 0, 0, 100, 200, 300]);
  });

  it("fills up again with time, and not beyond what it holds", () => {
    expect(turns([0, 0, 0, 150, 150, 10_000, 10_000, 10_000, 10_000])).toEqual([
      0, 0, 0, 150, 200, 10_000, 10_000, 10_000, 10_100,
    ]);
  });

  it("holds with another: a call waits for the slower of them", () => {
    const step = { key: "step", calls: 1, perMs: 1_000 };
    expect(turns([0, 0, 0], [rate, step])).toEqual([0, 1_000, 2_000]);
  });

  it("stands still where the clock goes back", () => {
    expect(turns([1_000, 1_000, 1_000, 0])).toEqual([1_000, 1_000, 1_000, 1_100]);
  });

  it("lets no window have more calls than it allows twice over, whatever comes when", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(50), { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 5 }),
        (gaps, calls) => {
          let nowMs = 0;
          const times = gaps.map((gap) => {
            nowMs += gap;
            return nowMs;
          });
          const went = turns(times, [{ key: "a", calls, perMs: 100 }]);
          for (const start of went) {
            const inWindow = went.filter((it) => it >= start && it < start + 100 - 1e-6).length;
            // A full bucket at once, and what fills up during the window.
            expect(inWindow).toBeLessThanOrEqual(2 * calls);
          }
          const last = Math.max(...went);
          const total = calls + (last / 100) * calls;
          expect(went.length).toBeLessThanOrEqual(total + 1e-6);
        },
      ),
    );
  });

  it("keeps nothing of buckets that are full again", () => {
    const rates = createRates(10);
    for (let at = 0; at < 1_000; at += 1) {
      rates.take([{ key: `step ${at}`, calls: 1, perMs: 1 }], at * 10);
    }
    expect(rates.size).toBeLessThanOrEqual(11);
  });
});
