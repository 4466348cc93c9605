import { describe, expect, it } from "vitest";
import { Debounce } from "../src/events/debounce.ts";
import { limits } from "../src/limits.ts";

describe("a rest between events", () => {
  it("lets the first through, and the next when none came for so long", () => {
    const debounce = new Debounce(30);
    const passed = [0, 10, 39, 68, 98, 99].filter((ms) => debounce.passes("a", ms));
    expect(passed).toEqual([0, 98]);
  });

  it("is one for each key", () => {
    const debounce = new Debounce(30);
    expect([debounce.passes("a", 0), debounce.passes("b", 1), debounce.passes("a", 2)]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("ends when the clock is set back", () => {
    const debounce = new Debounce(30);
    expect([debounce.passes("a", 1_000_000), debounce.passes("a", 5)]).toEqual([true, true]);
  });

  it("forgets the key that was quiet the longest when there are too many", () => {
    const debounce = new Debounce(30);
    for (let key = 0; key <= limits.debounceKeysMax; key += 1) debounce.passes(`${key}`, 0);
    expect(debounce.passes("1", 1)).toBe(false);
    expect(debounce.passes("0", 1)).toBe(true);
  });
});
