import { describe, expect, it } from "vitest";
import { uncertainCalls } from "../../src/budget/report.ts";
import { decideOpen, decideUncertain } from "../../src/budget/settle.ts";
import { attemptKey, Book } from "./book.ts";

const code = (expected: string) => expect.objectContaining({ code: expected });
const day = "day/2026-11-22";

/** Two calls were out when the coordinator stopped. */
function crashed(): Book {
  const book = new Book();
  book.define({ name: "all", limit: 100 });
  book.call({ call: "1" });
  book.call({ call: "2" });
  book.decide((state) => decideUncertain(state));
  return book;
}

describe("decideReconcile", () => {
  it("charges what the operator found out, what was held, or nothing, and ends the hold", () => {
    for (const [actual, posted, state] of [
      [{ nanoUsd: 3 }, 3, "posted"],
      [{ nanoUsd: 0 }, 0, "posted"],
      ["hold", 10, "posted"],
      ["void", 0, "voided"],
    ] as const) {
      const book = crashed();
      expect(book.reconcile("1", actual)).toBe(posted);
      expect(book.state.calls.get("1")?.state).toBe(state);
      expect(book.sum("budget/all", day)).toEqual({ posted, held: 10 });
    }
  });

  it("records who said so, and why", () => {
    const book = crashed();
    book.reconcile("1", "void");
    expect(book.of("callReconciled")).toEqual([
      { call: "1", actor: "ann", actualNanoUsd: 0, voided: true, reason: "asked the provider" },
    ]);
  });

  it("records more than was held in full, which blocks the budget", () => {
    const book = crashed();
    book.reconcile("1", { nanoUsd: 500 });
    expect(book.sum("budget/all", day)).toEqual({ posted: 500, held: 10 });
    expect(book.call({ call: "3", worstCaseNanoUsd: 0 })).toBe("BUDGET_EXHAUSTED");
  });

  it("ends a call once, and none whose cost is not in doubt (73)", () => {
    const book = crashed();
    book.reconcile("1", "hold");
    const before = book.recorded.length;
    expect(() => book.reconcile("1", "void")).toThrow(code("CALL_NOT_UNCERTAIN"));
    expect(() => book.settle("1", 0)).toThrow(code("INTERNAL"));
    book.call({ call: "3" });
    expect(() => book.reconcile("3", "void")).toThrow(code("CALL_NOT_UNCERTAIN"));
    book.settle("3", 1);
    expect(() => book.reconcile("3", "void")).toThrow(code("CALL_NOT_UNCERTAIN"));
    expect(() => book.reconcile("unknown", "void")).toThrow(code("CALL_UNKNOWN"));
    expect(book.recorded).toHaveLength(before + 2);
  });

  it.each([-1, 0.5, Number.NaN, 2 ** 53])("refuses %d nano-USD and keeps the hold", (nanoUsd) => {
    const book = crashed();
    expect(() => book.reconcile("1", { nanoUsd })).toThrow(code("USAGE"));
    expect(book.sum("budget/all", day)).toEqual({ posted: 0, held: 20 });
  });

  it("is listed until it is done, with what is held, since when, and why", () => {
    const book = crashed();
    book.call({ call: "3" });
    book.decide((state) =>
      decideOpen(state, { call: "3", reason: "odd tier", status: 200, bytesOut: 1, bytesIn: 2 }),
    );
    expect(uncertainCalls(book.state)).toEqual(
      ["1", "2", "3"].map((call) => ({
        call,
        attempt: attemptKey,
        service: "desk",
        heldNanoUsd: 10,
        sinceMs: book.nowMs,
        reason: call === "3" ? "odd tier" : "the coordinator stopped while the call was out",
      })),
    );
    book.reconcile("2", "hold");
    expect(uncertainCalls(book.state).map(({ call }) => call)).toEqual(["1", "3"]);
  });
});
