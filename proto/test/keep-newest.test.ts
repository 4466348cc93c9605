import { describe, expect, it } from "vitest";
import { keepNewest } from "../src/keep-newest.ts";

describe("keepNewest", () => {
  it("takes the first that was put in, where there is one too many", () => {
    const names = new Set(["c", "a", "b"]);
    keepNewest(names, 3);
    expect([...names]).toEqual(["c", "a", "b"]);
    keepNewest(names, 2);
    expect([...names]).toEqual(["a", "b"]);
  });

  it("counts a key that was put in anew as new", () => {
    const numbers = new Map([
      ["a", 1],
      ["b", 2],
    ]);
    numbers.delete("a");
    numbers.set("a", 3);
    keepNewest(numbers, 1);
    expect([...numbers]).toEqual([["a", 3]]);
  });
});
