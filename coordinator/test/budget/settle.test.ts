import { describe, expect, it } from "vitest";
import { decideUncertain } from "../../src/budget/settle.ts";
import { Book } from "./book.ts";

const internal = expect.objectContaining({ code: "INTERNAL" });

describe("decideSettle", () => {
  it("gives the hold back when the call never left", () => {
    const book = new Book();
    book.define({ name: "all", limit: 10 });
    book.call({ call: "1" });
    book.settle("1", 0);
    expect(book.call({ call: "2" })).toBe("intended");
  });

  it("records a cost above the hold in full, which blocks the budget", () => {
    const book = new Book();
    book.define({ name: "all", limit: 10 });
    book.call({ call: "1" });
    book.settle("1", 50);
    expect(book.sum("budget/all", "day/2026-11-22")).toEqual({ posted: 50, held: 0 });
    expect(book.call({ call: "2", worstCaseNanoUsd: 1 })).toBe("BUDGET_EXHAUSTED");
    expect(book.call({ call: "3", worstCaseNanoUsd: 0 })).toBe("BUDGET_EXHAUSTED");
  });

  it("ends a call once: neither a second settle nor a void after it records anything", () => {
    const book = new Book();
    book.call({ call: "1" });
    book.settle("1", 5);
    const before = book.recorded.length;
    expect(() => book.settle("1", 5)).toThrow(internal);
    expect(() => book.settle("1", 0)).toThrow(internal);
    expect(() => book.settle("unknown", 0)).toThrow(internal);
    expect(book.recorded).toHaveLength(before);
  });

  it.each([-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53])(
    "refuses %d nano-USD and keeps the hold",
    (amount) => {
      const book = new Book();
      book.call({ call: "1" });
      expect(() => book.settle("1", amount)).toThrow(internal);
      expect(book.sum("run/01RUN", "run")).toEqual({ posted: 0, held: 10 });
    },
  );
});

describe("decideUncertain", () => {
  it("keeps the holds of calls that were out at a crash until each is settled", () => {
    const book = new Book();
    book.define({ name: "all", limit: 20 });
    book.call({ call: "1" });
    book.call({ call: "2" });
    book.settle("1", 10);
    expect(book.decide((state) => decideUncertain(state))).toBe(1);
    expect(book.state.calls.get("2")?.state).toBe("uncertain");
    expect(book.call({ call: "3" })).toBe("BUDGET_EXHAUSTED");
    expect(book.decide((state) => decideUncertain(state))).toBe(0);
    expect(() => book.settle("2", 4)).toThrow(internal);
    book.reconcile("2", { nanoUsd: 4 });
    expect(book.sum("budget/all", "day/2026-11-22")).toEqual({ posted: 14, held: 0 });
  });
});
