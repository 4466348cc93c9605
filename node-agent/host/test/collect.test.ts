import { expect, test } from "vitest";
import { runProgram } from "./agent.ts";

test("cycles are collected some time after work, on a heap that did not grow", async () => {
  const { result } = await runProgram(`
    const cycle = () => {
      const one = {};
      one.other = { one };
      return new WeakRef(one);
    };
    const left = cycle();
    const isThere = () => left.deref() !== undefined;
    const before = isThere();
    const pause = () => new Promise((resolve) => setTimeout(resolve, 100));
    for (let round = 0; round < 400 && isThere(); round++) await pause();
    return { before, after: isThere() };
  `);
  expect(result).toEqual({ before: true, after: false });
});
