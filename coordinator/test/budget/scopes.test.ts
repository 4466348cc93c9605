import { describe, expect, it } from "vitest";
import { forgetRunCalls } from "../../src/budget/budget.ts";
import { budgetLines } from "../../src/budget/report.ts";
import { attemptKey, Book } from "./book.ts";

const above = {
  run: "01TOP",
  step: "sub",
  workflow: "plant",
  runCeilingNanoUsd: null,
  stepCeilingNanoUsd: null,
};
const usage = { memoryPeakBytes: 0, wallMs: 9, deviceReads: [] };

function endAttempt(book: Book, cpuMs: number): void {
  const ended = { code: "", exit: 0, message: "", outputJson: "" };
  const used = { ...usage, cpuMs, bytesIn: 7, bytesOut: 5 };
  const result = { outcome: "succeeded", ...ended, usage: used };
  const value = { attempt: attemptKey, result, nodeSeq: 1, nodeStartedMs: 0 };
  book.record({ $case: "attemptEnded", value });
}

describe("a budget of a site", () => {
  it("covers the nodes that are labelled so, and none of the coordinator's own calls", () => {
    const book = new Book();
    book.define({ name: "north", scope: "site/north", limit: 15 });
    const from = { node: "press-1", token: "t" };
    expect(book.call({ call: "1", site: "north", tokenSeq: 1, ...from })).toBe("intended");
    expect(book.call({ call: "2", site: "north", tokenSeq: 2, ...from })).toBe("BUDGET_EXHAUSTED");
    expect(book.call({ call: "3", site: "south", tokenSeq: 3, ...from })).toBe("intended");
    expect(book.call({ call: "4" })).toBe("intended");
  });
});

describe("a budget of a workflow", () => {
  it("covers its sub-workflows too", () => {
    const book = new Book();
    book.define({ name: "plant", scope: "workflow/plant", limit: 15 });
    expect(book.call({ call: "1", above: [above] })).toBe("intended");
    expect(book.call({ call: "2", workflow: "plant" })).toBe("BUDGET_EXHAUSTED");
    expect(book.call({ call: "3" })).toBe("intended");
  });
});

describe("a budget whose window is the run", () => {
  it("counts each run anew, with all that it started", () => {
    const book = new Book();
    book.define({ name: "each", window: "run", limit: 15 });
    expect(book.call({ call: "1", above: [above] })).toBe("intended");
    const top = { attempt: { ...attemptKey, run: "01TOP" } };
    expect(book.call({ call: "2", ...top })).toBe("BUDGET_EXHAUSTED");
    expect(book.call({ call: "3" })).toBe("intended");
    const windows = budgetLines(book.state, book.nowMs).map((it) => [it.window, it.heldNanoUsd]);
    expect(windows).toEqual([
      ["run/01TOP", 10],
      ["run/01RUN", 10],
    ]);
  });

  it("leaves memory with the run", () => {
    const book = new Book();
    book.define({ name: "each", window: "run", limit: 15 });
    book.call({ call: "1", above: [above] });
    book.settle("1", 10);
    forgetRunCalls(book.state, "01RUN");
    expect(book.state.accounts.get("budget/each")?.size).toBe(1);
    forgetRunCalls(book.state, "01TOP");
    expect(book.state.accounts.get("budget/each")?.size).toBe(0);
    expect(budgetLines(book.state, book.nowMs)).toMatchObject([{ window: "run", heldNanoUsd: 0 }]);
  });
});

describe("what attempts use", () => {
  it("is booked in every budget that covers them, in the window in which they end", () => {
    const book = new Book();
    book.define(
      { name: "all", limit: 10 },
      { name: "north", scope: "site/north", limit: 10 },
      { name: "other", scope: "workflow/other", limit: 10 },
    );
    book.scopes = { workflows: ["press"], agent: "", node: "n", site: "north", topRun: "01RUN" };
    endAttempt(book, 1_000);
    endAttempt(book, 500);
    const used = (name: string) =>
      budgetLines(book.state, book.nowMs).find((it) => it.account === `budget/${name}`)?.used;
    expect(used("all")).toEqual({ cpuMs: 1_500, bytesIn: 14, bytesOut: 10 });
    expect(used("north")).toEqual(used("all"));
    expect(used("other")).toEqual({ cpuMs: 0, bytesIn: 0, bytesOut: 0 });
    book.nowMs += 86_400_000;
    expect(used("all")?.cpuMs).toBe(0);
  });

  it("is no money, and is not booked where nobody knows any more whose it was", () => {
    const book = new Book();
    book.define({ name: "all", limit: 10 });
    endAttempt(book, 1_000);
    expect(book.state.accounts.size).toBe(0);
    expect(book.call({ call: "1" })).toBe("intended");
  });
});
