import { describe, expect, it } from "vitest";
import { Pace } from "../src/pace.ts";

describe("a pace", () => {
  it("lets a burst through and then its rate", () => {
    const pace = new Pace(10, 20);
    const waits = Array.from({ length: 23 }, () => pace.next(0));
    expect(waits.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 0));
    expect(waits.slice(20)).toEqual([100, 200, 300]);
  });

  it("gives no more than a burst to who was quiet for long", () => {
    const pace = new Pace(10, 20);
    pace.next(0);
    expect(pace.next(3_600_000, 20)).toBe(0);
    expect(pace.next(3_600_000)).toBe(100);
  });

  it("counts what costs more", () => {
    const pace = new Pace(1000, 0);
    expect(pace.next(0, 500)).toBe(500);
    expect(pace.next(500, 250)).toBe(250);
  });
});
