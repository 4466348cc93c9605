import { describe, expect, it } from "vitest";
import { skeleton } from "../src/confusable.ts";

describe("the skeleton of a name", () => {
  it.each([
    ["press-10", "press-lo"],
    ["mill", "rnill"],
    ["window-2", "vvindow-2"],
    ["drill", "clrill"],
  ])("is the same for %s and %s, which look alike", (a, b) => {
    expect(skeleton(a)).toBe(skeleton(b));
  });

  it.each([
    ["press-01", "press-02"],
    ["press-01", "press-10"],
    ["line-a", "line-b"],
    ["north", "north-2"],
  ])("tells %s from %s", (a, b) => {
    expect(skeleton(a)).not.toBe(skeleton(b));
  });
});
