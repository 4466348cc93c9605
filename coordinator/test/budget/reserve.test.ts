import { describe, expect, it } from "vitest";
import { forgetRunCalls } from "../../src/budget/budget.ts";
import { budgetLimits } from "../../src/budget/limits.ts";
import { budgetLines } from "../../src/budget/report.ts";
import { decideCall } from "../../src/budget/reserve.ts";
import { attemptKey, Book, callRequest } from "./book.ts";

function refusalOf(book: Book, rest: Parameters<typeof callRequest>[0]) {
  const value = book.decide((state, nowMs) => decideCall(state, callRequest(rest), nowMs));
  if ("call" in value) throw new Error("the call was intended");
  return value.refused;
}

describe("decideCall", () => {
  it("lets 1 of 200 concurrent calls pass when there is money for one", () => {
    const book = new Book();
    book.define({ name: "all", limit: 19 });
    const results = Array.from({ length: 200 }, (_, call) => book.call({ call: `${call}` }));
    expect(results.filter((it) => it === "intended")).toHaveLength(1);
    expect(results.filter((it) => it === "BUDGET_EXHAUSTED")).toHaveLength(199);
  });

  it("holds nothing anywhere when one of several budgets lacks the money", () => {
    const book = new Book();
    book.define({ name: "rich", limit: 100 }, { name: "poor", limit: 9 });
    expect(book.call({ call: "1" })).toBe("BUDGET_EXHAUSTED");
    for (const { postedNanoUsd, heldNanoUsd } of budgetLines(book.state, book.nowMs)) {
      expect({ postedNanoUsd, heldNanoUsd }).toEqual({ postedNanoUsd: 0, heldNanoUsd: 0 });
    }
    expect(book.state.calls.size).toBe(0);
  });

  it("names the budget, its limit, what is left and what the call may cost", () => {
    const book = new Book();
    book.define({ name: "press", scope: "workflow/press", limit: 1_000_000_000 });
    book.call({ call: "1", worstCaseNanoUsd: 990_000_000 });
    const { code, message, hint } = refusalOf(book, { call: "2", worstCaseNanoUsd: 50_000_000 });
    expect(code).toBe("BUDGET_EXHAUSTED");
    expect(message).toBe(
      "budget press (workflow/press, day/2026-11-22) has 0.01 USD of 1.00 USD left; " +
        "the call may cost 0.05 USD",
    );
    expect(hint).toContain("day");
  });

  it("covers every call by a mesh budget, others by their workflow or node alone", () => {
    const book = new Book();
    book.define(
      { name: "all", limit: 1000 },
      { name: "press", scope: "workflow/press", limit: 1000 },
      { name: "board", scope: "node/board", limit: 1000 },
      { name: "other", scope: "workflow/other", limit: 0 },
      { name: "else", scope: "node/else", limit: 0 },
    );
    book.call({ call: "1", node: "board", token: "t", tokenSeq: 1 });
    const holds = book.state.calls.get("1")?.holds.map((hold) => hold.account);
    expect(holds).toEqual(["run/01RUN", "budget/all", "budget/board", "budget/press"]);
    book.call({ call: "2" });
    expect(book.state.calls.get("2")?.holds).toHaveLength(3);
  });

  it("covers the calls of an agent's steps by the agent's budget", () => {
    const book = new Book();
    book.define({ name: "thinking", scope: "agent/diagnostician", limit: 15 });
    expect(book.call({ call: "1", agent: "diagnostician" })).toBe("intended");
    expect(book.call({ call: "2", agent: "diagnostician" })).toBe("BUDGET_EXHAUSTED");
    expect(book.call({ call: "3", agent: "other" })).toBe("intended");
    expect(book.call({ call: "4" })).toBe("intended");
    expect(book.sum("budget/thinking", "day/2026-11-22")).toEqual({ posted: 0, held: 10 });
  });

  it("keeps a run within its own ceiling over several calls", () => {
    const book = new Book();
    const rest = { runCeilingNanoUsd: 25 };
    expect(book.call({ call: "1", ...rest })).toBe("intended");
    expect(book.call({ call: "2", ...rest })).toBe("intended");
    expect(book.call({ call: "3", ...rest })).toBe("BUDGET_EXHAUSTED");
    book.settle("1", 0);
    expect(book.call({ call: "4", ...rest })).toBe("intended");
  });

  it("keeps a step of a run within its own ceiling, over all its attempts, and no other step", () => {
    const book = new Book();
    const rest = { stepCeilingNanoUsd: 25 };
    const retried = { ...attemptKey, attempt: 2 };
    expect(book.call({ call: "1", ...rest })).toBe("intended");
    expect(book.call({ call: "2", ...rest, attempt: retried })).toBe("intended");
    expect(book.sum("run/01RUN/ask", "run")).toEqual({ posted: 0, held: 20 });
    expect(refusalOf(book, { call: "3", ...rest, attempt: retried })).toMatchObject({
      code: "BUDGET_EXHAUSTED",
      message:
        "the budget of step ask in run 01RUN has 0.000000005 USD of 0.000000025 USD left; " +
        "the call may cost 0.00000001 USD",
      hint: "raise `budget` of step ask of workflow press",
    });
    expect(book.call({ call: "4", ...rest, attempt: { ...attemptKey, step: "b" } })).toBe(
      "intended",
    );
    expect(book.call({ call: "5", ...rest, attempt: { ...attemptKey, run: "02" } })).toBe(
      "intended",
    );
    book.settle("1", 0);
    expect(book.call({ call: "6", ...rest })).toBe("intended");
  });

  it("keeps a sub-workflow within what the run and the step above it may spend", () => {
    const book = new Book();
    const top = { run: "01TOP", step: "sub", workflow: "line" };
    const above = [{ ...top, runCeilingNanoUsd: 25, stepCeilingNanoUsd: null }];
    const middle = { ...top, run: "01MID", runCeilingNanoUsd: null, stepCeilingNanoUsd: 15 };
    expect(book.call({ call: "1", above })).toBe("intended");
    const other = { ...attemptKey, run: "02RUN" };
    expect(refusalOf(book, { call: "2", above: [middle], worstCaseNanoUsd: 16 })).toMatchObject({
      message: expect.stringContaining("the budget of step sub in run 01MID has"),
      hint: "raise `budget` of step sub of workflow line",
    });
    expect(book.call({ call: "3", above: [middle, ...above], attempt: other })).toBe("intended");
    expect(book.sum("run/01TOP", "run")).toEqual({ posted: 0, held: 20 });
    expect(refusalOf(book, { call: "4", above })).toMatchObject({
      message: expect.stringContaining("the budget of run 01TOP has 0.000000005 USD of"),
    });
    book.settle("1", 4);
    expect(book.sum("run/01TOP", "run")).toEqual({ posted: 4, held: 10 });
  });

  it("keeps the account of the run above for as long as that run, whatever is forgotten below", () => {
    const book = new Book();
    const top = { run: "01TOP", step: "sub", workflow: "line" };
    const above = [{ ...top, runCeilingNanoUsd: 25, stepCeilingNanoUsd: null }];
    book.call({ call: "1", above });
    book.settle("1", 10);
    forgetRunCalls(book.state, "01RUN");
    expect([...book.state.accounts.keys()]).toEqual(["run/01TOP"]);
    forgetRunCalls(book.state, "01TOP");
    expect(book.state.accounts.size).toBe(0);
    expect(book.state.runs.size).toBe(0);
  });

  it("reserves in the step, the run and every budget, or in none of them", () => {
    const book = new Book();
    book.define({ name: "all", limit: 100 });
    const poorRun = { stepCeilingNanoUsd: 100, runCeilingNanoUsd: 9 };
    expect(book.call({ call: "1", ...poorRun })).toBe("BUDGET_EXHAUSTED");
    const poorStep = { stepCeilingNanoUsd: 9, runCeilingNanoUsd: 100 };
    expect(book.call({ call: "2", ...poorStep })).toBe("BUDGET_EXHAUSTED");
    expect(book.state.accounts.size).toBe(0);
    expect(book.call({ call: "3", stepCeilingNanoUsd: 10, runCeilingNanoUsd: 10 })).toBe(
      "intended",
    );
    const holds = book.state.calls.get("3")?.holds.map((hold) => hold.account);
    expect(holds).toEqual(["run/01RUN", "run/01RUN/ask", "budget/all"]);
  });

  it("forgets a step's account with its run", () => {
    const book = new Book();
    book.call({ call: "1", stepCeilingNanoUsd: 10 });
    expect([...book.state.accounts.keys()]).toEqual(["run/01RUN", "run/01RUN/ask"]);
    book.settle("1", 10);
    forgetRunCalls(book.state, "01RUN");
    expect(book.state.accounts.size).toBe(0);
  });

  it("takes a price of nothing where nothing may be spent", () => {
    const book = new Book();
    book.define({ name: "none", limit: 0 });
    expect(book.call({ call: "2", worstCaseNanoUsd: 0 })).toBe("intended");
  });

  it("refuses a sequence number twice, also when 100 replays come at once and out of order", () => {
    const book = new Book();
    const seqs = [2, 1, 5, 3];
    for (const tokenSeq of seqs) {
      expect(book.call({ call: `c${tokenSeq}`, node: "n", token: "t", tokenSeq })).toBe("intended");
    }
    for (let replay = 0; replay < 100; replay += 1) {
      const tokenSeq = seqs[replay % seqs.length] ?? 1;
      const code = book.call({ call: `r${replay}`, node: "n", token: "t", tokenSeq });
      expect(code).toBe("TOKEN_REPLAYED");
    }
    expect(book.call({ call: "c4", node: "n", token: "t", tokenSeq: 4 })).toBe("intended");
    expect(book.state.runs.get("01RUN")?.sequences.values().next().value).toEqual({
      floor: 5,
      above: new Set(),
    });
  });

  it("refuses the number of an earlier token of the attempt under its renewed token", () => {
    const book = new Book();
    book.call({ call: "1", node: "n", token: "first", tokenSeq: 1 });
    expect(book.call({ call: "2", node: "n", token: "second", tokenSeq: 1 })).toBe(
      "TOKEN_REPLAYED",
    );
  });

  it.each([0, -1, 1.5, Number.NaN, 2 ** 53])(
    "refuses %d, which is no sequence number",
    (tokenSeq) => {
      expect(new Book().call({ call: "1", node: "n", token: "t", tokenSeq })).toBe(
        "TOKEN_REPLAYED",
      );
    },
  );

  it("bounds what it remembers of a node that skips numbers, and still takes none twice", () => {
    const book = new Book();
    const count = budgetLimits.sequencesAboveFloorMax + 10;
    for (let index = 1; index <= count; index += 1) {
      book.call({ call: `${index}`, node: "n", token: "t", tokenSeq: index * 2 });
    }
    const [used] = [...(book.state.runs.get("01RUN")?.sequences.values() ?? [])];
    expect(used?.above.size).toBeLessThanOrEqual(budgetLimits.sequencesAboveFloorMax);
    for (const tokenSeq of [1, 2, 20, count * 2]) {
      expect(book.call({ call: `again${tokenSeq}`, node: "n", token: "t", tokenSeq })).toBe(
        "TOKEN_REPLAYED",
      );
    }
  });

  it("throws INTERNAL for an id that was given out before", () => {
    const book = new Book();
    book.call({ call: "1" });
    expect(() => book.call({ call: "1" })).toThrow(expect.objectContaining({ code: "INTERNAL" }));
  });
});

describe("decideRefusal", () => {
  it("records a node's first refusals of a minute and spares the log the rest", () => {
    const book = new Book();
    const flood = () => {
      for (let call = 0; call < 500; call += 1) {
        book.call({ call: `${call}`, node: "bad", token: "t", tokenSeq: 0 });
      }
    };
    flood();
    expect(book.recorded).toHaveLength(budgetLimits.refusalsRecordedMax);
    book.call({ call: "x", node: "good", token: "t", tokenSeq: 0 });
    expect(book.recorded).toHaveLength(budgetLimits.refusalsRecordedMax + 1);
    book.nowMs += budgetLimits.refusalWindowMs;
    flood();
    expect(book.recorded).toHaveLength(2 * budgetLimits.refusalsRecordedMax + 1);
  });
});
