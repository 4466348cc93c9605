import { expect, test } from "vitest";
import { backoffLimits, backoffMs, failuresAfter } from "../src/supervisor/backoff.ts";

test("delays double up to a cap", () => {
  const delays = [1, 2, 3, 4, 50].map((failures) => backoffMs(failures, 0));
  expect(delays).toEqual([100, 200, 400, 800, backoffLimits.lastMs]);
});

test("jitter takes away half at most", () => {
  expect(backoffMs(3, 1)).toBe(200);
  expect(backoffMs(3, 0.5)).toBe(300);
});

test("a child that held counts its next failure as the first", () => {
  expect(failuresAfter(7, backoffLimits.resetAfterMs)).toBe(1);
  expect(failuresAfter(7, backoffLimits.resetAfterMs - 1)).toBe(8);
});
