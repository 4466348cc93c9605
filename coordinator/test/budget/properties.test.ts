import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { budgetLines } from "../../src/budget/report.ts";
import { decideUncertain } from "../../src/budget/settle.ts";
import { attemptKey, Book } from "./book.ts";

/** One thing that happens; numbers pick among what is there. */
type Action =
  | { kind: "call"; run: number; node: number; cost: number; seq: number }
  | { kind: "settle"; pick: number; share: number }
  | { kind: "crash" }
  | { kind: "clock"; stepMs: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("call" as const),
      run: fc.nat(2),
      node: fc.nat(2),
      cost: fc.nat(40),
      seq: fc.integer({ min: 1, max: 30 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant("settle" as const),
      pick: fc.nat(),
      share: fc.nat(100),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: "crash" as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("clock" as const),
      stepMs: fc.integer({ min: -50 * 3_600_000, max: 60 * 3_600_000 }),
    }),
  },
);

const ceiling = 90;

function perform(book: Book, actions: readonly Action[]): void {
  let next = 0;
  for (const it of actions) {
    if (it.kind === "clock") book.nowMs += it.stepMs;
    if (it.kind === "crash") book.decide((state) => decideUncertain(state));
    if (it.kind === "call") {
      const node = it.node === 0 ? "" : `board${it.node}`;
      book.call({
        call: `call${next++}`,
        attempt: { ...attemptKey, run: `run${it.run}` },
        node,
        token: node === "" ? "" : "token",
        tokenSeq: node === "" ? 0 : it.seq,
        worstCaseNanoUsd: it.cost,
        runCeilingNanoUsd: ceiling,
      });
    }
    if (it.kind === "settle") {
      const open = [...book.state.calls.values()].filter(
        (call) => call.state === "pending" || call.state === "uncertain",
      );
      const call = open[it.pick % Math.max(open.length, 1)];
      if (call === undefined) continue;
      book.end(call.call, Math.floor((call.reservedNanoUsd * it.share) / 100));
    }
  }
}

function newBook(): Book {
  const book = new Book(Date.parse("2026-10-24T20:00:00Z"));
  book.define(
    { name: "all", limit: 120, timezone: "Europe/Berlin" },
    { name: "board1", scope: "node/board1", limit: 60, window: "month" },
    { name: "press", scope: "workflow/press", limit: 100 },
  );
  return book;
}

/** Posted and held by "account window", from the events alone. */
function recompute(book: Book): Map<string, { posted: number; held: number }> {
  const sums = new Map<string, { posted: number; held: number }>();
  const open = new Map<string, { keys: string[]; reserved: number }>();
  for (const { event } of book.recorded) {
    if (event.$case === "callIntended") {
      const keys = event.value.holds.map(({ account, window }) => `${account} ${window}`);
      open.set(event.value.call, { keys, reserved: event.value.reservedNanoUsd });
      for (const key of keys) {
        const sum = sums.get(key) ?? { posted: 0, held: 0 };
        sums.set(key, { ...sum, held: sum.held + event.value.reservedNanoUsd });
      }
    }
    if (event.$case === "callSettled" || event.$case === "callReconciled") {
      const call = open.get(event.value.call);
      if (call === undefined) throw new Error("settled twice, or never intended");
      open.delete(event.value.call);
      for (const key of call.keys) {
        const { posted, held } = sums.get(key) ?? { posted: 0, held: 0 };
        sums.set(key, { posted: posted + event.value.actualNanoUsd, held: held - call.reserved });
      }
    }
  }
  return sums;
}

describe("whatever the order of calls, outcomes, crashes and clock steps", () => {
  it("no account is ever above its limit", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const book = newBook();
        perform(book, actions);
        for (const [key, { posted, held }] of recompute(book)) {
          const [account = ""] = key.split(" ");
          const budget = book.state.budgets.get(account.slice("budget/".length));
          expect(posted + held).toBeLessThanOrEqual(budget?.limit ?? ceiling);
          expect(held).toBeGreaterThanOrEqual(0);
        }
      }),
    );
  });

  it("the sums in memory are those of the events", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const book = newBook();
        perform(book, actions);
        const sums = recompute(book);
        for (const [account, windows] of book.state.accounts) {
          for (const window of windows.keys()) {
            expect(book.sum(account, window)).toEqual(sums.get(`${account} ${window}`));
          }
        }
        for (const line of budgetLines(book.state, book.nowMs)) {
          const sum = sums.get(`${line.account} ${line.window}`) ?? { posted: 0, held: 0 };
          expect({ posted: line.postedNanoUsd, held: line.heldNanoUsd }).toEqual(sum);
        }
      }),
    );
  });

  it("a crash after any event loses no charge and frees no hold", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 80 }), fc.nat(), (actions, at) => {
        const before = newBook();
        perform(before, actions);
        const after = new Book(before.nowMs);
        const durable = before.recorded.slice(0, 1 + (at % before.recorded.length));
        for (const { event, atMs } of durable) {
          after.nowMs = atMs;
          after.record(event);
        }
        after.decide((state) => decideUncertain(state));
        expect([...after.state.calls.values()].map((call) => call.state)).not.toContain("pending");
        const sums = recompute(after);
        for (const [account, windows] of after.state.accounts) {
          for (const window of windows.keys()) {
            expect(after.sum(account, window)).toEqual(sums.get(`${account} ${window}`));
          }
        }
      }),
    );
  });

  it("every call that is settled in the end ends once, and nothing stays held", () => {
    fc.assert(
      fc.property(fc.array(action, { maxLength: 120 }), (actions) => {
        const book = newBook();
        perform(book, actions);
        for (const call of book.state.calls.values()) {
          if (call.state !== "posted") book.end(call.call, call.reservedNanoUsd);
        }
        const count = ($case: string) =>
          book.recorded.filter((it) => it.event.$case === $case).length;
        expect(count("callSettled") + count("callReconciled")).toBe(count("callIntended"));
        for (const { held } of recompute(book).values()) expect(held).toBe(0);
      }),
    );
  });
});
