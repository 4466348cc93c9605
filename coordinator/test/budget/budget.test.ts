import { describe, expect, it } from "vitest";
import { applyBudget, emptyBudget, forgetRunCalls } from "../../src/budget/budget.ts";
import { budgetLimits } from "../../src/budget/limits.ts";
import { budgetLines, chargesOfRun } from "../../src/budget/report.ts";
import { attemptKey, Book } from "./book.ts";

const today = "day/2026-11-22";

const uncertain = { reason: "", status: 0, bytesOut: 0, bytesIn: 0 };

describe("applyBudget", () => {
  it("holds the worst case while a call is out and posts what it cost when it ends", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    book.call({ call: "1" });
    expect(book.sum("budget/all", today)).toEqual({ posted: 0, held: 10 });
    expect(book.sum("run/01RUN", "run")).toEqual({ posted: 0, held: 10 });
    book.settle("1", 7);
    expect(book.sum("budget/all", today)).toEqual({ posted: 7, held: 0 });
    expect(book.sum("run/01RUN", "run")).toEqual({ posted: 7, held: 0 });
  });

  it("keeps what was spent when a budget's limit changes", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    book.call({ call: "1" });
    book.settle("1", 10);
    book.define({ name: "all", limit: 15 });
    expect(book.call({ call: "2" })).toBe("BUDGET_EXHAUSTED");
    expect(budgetLines(book.state, book.nowMs)).toMatchObject([
      { account: "budget/all", window: today, limitNanoUsd: 15, postedNanoUsd: 10, heldNanoUsd: 0 },
    ]);
  });

  it("is the same state again when the events are replayed", () => {
    const book = new Book();
    book.define({ name: "all", limit: 25 });
    book.call({ call: "1", node: "board", token: "t", tokenSeq: 1 });
    book.call({ call: "2", node: "board", token: "t", tokenSeq: 3 });
    book.call({ call: "3", node: "board", token: "t", tokenSeq: 4 });
    book.settle("1", 9);
    const again = emptyBudget();
    for (const recorded of book.recorded) applyBudget(again, recorded, () => null);
    expect(again).toEqual(book.state);
  });

  it("forgets a window when a reservation finds it over for good, and not before", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    book.call({ call: "1" });
    book.settle("1", 10);
    book.nowMs += budgetLimits.dayWindowKeptMs;
    book.call({ call: "2" });
    expect(book.sum("budget/all", today)).toEqual({ posted: 10, held: 0 });
    book.nowMs += 1;
    book.call({ call: "3" });
    expect(book.state.accounts.get("budget/all")?.has(today)).toBe(false);
  });

  it("forgets a run's calls when it leaves memory, those that are out when they are settled", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    for (const call of ["1", "2", "3"]) book.call({ call });
    book.settle("1", 1);
    book.record({ $case: "callUncertain", value: { ...uncertain, call: "3" } });
    book.endRun("01RUN");
    expect(chargesOfRun(book.state, "01RUN")).toHaveLength(3);
    forgetRunCalls(book.state, "01RUN");
    expect(chargesOfRun(book.state, "01RUN")).toEqual([]);
    expect(book.state.accounts.has("run/01RUN")).toBe(false);
    expect([...book.state.calls.keys()]).toEqual(["2", "3"]);
    expect(book.sum("budget/all", today)).toEqual({ posted: 1, held: 20 });
    book.settle("2", 5);
    book.end("3", 10);
    expect(book.sum("budget/all", today)).toEqual({ posted: 16, held: 0 });
    expect(book.state.calls.size).toBe(0);
  });

  it("keeps the newest calls of a run that makes too many, and its whole sum", () => {
    const book = new Book();
    for (let call = 0; call <= budgetLimits.callsPerRunMax; call += 1) {
      book.call({ call: `${call}` });
      book.settle(`${call}`, 1);
    }
    const charges = chargesOfRun(book.state, "01RUN");
    expect(charges).toHaveLength(budgetLimits.callsPerRunMax);
    expect(charges[0]?.call).toBe("1");
    expect(book.state.calls.size).toBe(budgetLimits.callsPerRunMax);
    expect(book.sum("run/01RUN", "run").posted).toBe(budgetLimits.callsPerRunMax + 1);
  });

  it("forgets used sequence numbers with their attempt and with its run", () => {
    const book = new Book();
    const other = { ...attemptKey, attempt: 2 };
    book.call({ call: "1", node: "board", token: "t", tokenSeq: 1 });
    book.call({ call: "2", node: "board", token: "u", tokenSeq: 1, attempt: other });
    book.record({
      $case: "attemptEnded",
      value: { attempt: attemptKey, result: undefined, nodeSeq: 0, nodeStartedMs: 0 },
    });
    expect(book.state.runs.get("01RUN")?.sequences.size).toBe(1);
    book.endRun("01RUN");
    expect(book.state.runs.get("01RUN")?.sequences.size).toBe(0);
  });
});

describe("chargesOfRun", () => {
  it("tells a call's worst case while it is out and its cost afterwards", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    book.call({ call: "1" });
    book.call({ call: "2" });
    book.settle("2", 3);
    const holds = [
      { account: "run/01RUN", window: "run" },
      { account: "budget/all", window: today },
    ];
    const common = { step: "ask", service: "desk", holds };
    expect(chargesOfRun(book.state, "01RUN")).toEqual([
      { call: "1", state: "pending", nanoUsd: 10, ...common },
      { call: "2", state: "posted", nanoUsd: 3, ...common },
    ]);
  });

  it("is empty for a run that called nothing", () => {
    expect(chargesOfRun(emptyBudget(), "01OTHER")).toEqual([]);
  });
});
