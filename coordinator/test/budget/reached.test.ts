import { describe, expect, it } from "vitest";
import { decideUncertain } from "../../src/budget/settle.ts";
import { Book } from "./book.ts";

/** Percentages that were recorded, in order. */
function reached(book: Book): number[] {
  return book.of("budgetReached").map(({ percent }) => percent);
}

function spend(book: Book, call: string, nanoUsd: number): void {
  book.call({ call, worstCaseNanoUsd: nanoUsd });
  book.settle(call, nanoUsd);
}

describe("a budget's thresholds", () => {
  it("are recorded once a window each, when so much was spent", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    spend(book, "1", 49);
    expect(reached(book)).toEqual([]);
    spend(book, "2", 1);
    spend(book, "3", 5);
    expect(book.of("budgetReached")).toEqual([
      { budget: "all", window: "day/2026-11-22", percent: 50, spentNanoUsd: 50, limitNanoUsd: 100 },
    ]);
    spend(book, "4", 45);
    expect(reached(book)).toEqual([50, 100]);
    book.nowMs += 86_400_000;
    spend(book, "5", 80);
    expect(reached(book)).toEqual([50, 100, 80]);
  });

  it("do not count what is only held", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    book.call({ call: "1", worstCaseNanoUsd: 100 });
    expect(reached(book)).toEqual([]);
    book.settle("1", 20);
    expect(reached(book)).toEqual([]);
  });

  it("are at their end when a call is refused for want of money, however often", () => {
    const book = new Book();
    book.define({ name: "all", limit: 9 });
    for (const call of ["1", "2", "3"]) expect(book.call({ call })).toBe("BUDGET_EXHAUSTED");
    expect(reached(book)).toEqual([100]);
  });

  it("count what was reconciled, and what was billed beyond the limit", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    book.call({ call: "1" });
    book.decide((state) => decideUncertain(state));
    book.reconcile("1", { nanoUsd: 2 ** 52 });
    expect(reached(book)).toEqual([100]);
  });

  it("are those that the budget names, and others under another limit", () => {
    const book = new Book();
    book.define(
      { name: "all", limit: 100, warn_at: [10] },
      { name: "quiet", limit: 9, warn_at: [] },
    );
    spend(book, "1", 9);
    expect(reached(book)).toEqual([]);
    book.define({ name: "quiet", limit: 1_000, warn_at: [] });
    spend(book, "2", 1);
    expect(reached(book)).toEqual([10]);
    book.define({ name: "all", limit: 1_000, warn_at: [10] });
    spend(book, "3", 80);
    expect(reached(book)).toEqual([10]);
    spend(book, "4", 10);
    expect(reached(book)).toEqual([10, 10]);
  });

  it("are none of a budget of nothing", () => {
    const book = new Book();
    book.define({ name: "all", limit: 0 });
    book.call({ call: "1", worstCaseNanoUsd: 0 });
    book.settle("1", 0);
    book.call({ call: "2" });
    expect(reached(book)).toEqual([]);
  });
});
