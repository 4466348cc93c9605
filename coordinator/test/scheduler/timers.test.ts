import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clearTimer,
  dueBy,
  setTimer,
  type Timed,
  type Timers,
} from "../../src/scheduler/timers.ts";

describe("timers", () => {
  it("name all that is due by a time, the earliest first, and nothing else", () => {
    const move = fc.tuple(fc.nat(9), fc.integer({ min: 1, max: 9_000 }), fc.boolean());
    fc.assert(
      fc.property(fc.array(move), fc.nat(10_000), (moves, nowMs) => {
        const timers: Timers<Timed> = new Map();
        const all = Array.from({ length: 10 }, (): Timed => ({ dueMs: 0 }));
        for (const [at, dueMs, sets] of moves) {
          const it = all[at] as Timed;
          if (sets) setTimer(timers, it, dueMs);
          else clearTimer(timers, it);
        }
        const due = all.filter((it) => it.dueMs !== 0 && it.dueMs <= nowMs);
        const found = dueBy(timers, nowMs);
        expect(new Set(found)).toEqual(new Set(due));
        expect(found.map((it) => it.dueMs)).toEqual(
          due.map((it) => it.dueMs).sort((a, b) => a - b),
        );
      }),
    );
  });
});
