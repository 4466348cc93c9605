import type { CallSettled, CallUncertain } from "@cohort/proto/gen/cohort/ledger";
import { refuse } from "@cohort/proto/problem";
import type { Decision } from "../state/decision.ts";
import type { BudgetState, Call } from "./budget.ts";
import { reachedBySpending } from "./reached.ts";

/**
 * Ends a pending call. `actualNanoUsd` is what the provider may bill: 0 for a call that never left (a
 * void), the whole hold when nobody can tell; more than the hold is recorded in full and leaves the
 * budget blocked. Throws INTERNAL, and records nothing, when the call is not pending or the amount
 * is none.
 */
export function decideSettle(state: BudgetState, settled: CallSettled): Decision<void> {
  const { call, actualNanoUsd } = settled;
  const { holds } = mustBePending(state, call);
  if (!Number.isSafeInteger(actualNanoUsd) || actualNanoUsd < 0) {
    throw refuse("INTERNAL", `call ${call} cannot cost ${actualNanoUsd} nano-USD`);
  }
  const reached = reachedBySpending(state, holds, actualNanoUsd);
  return { events: [{ $case: "callSettled", value: settled }, ...reached], value: undefined };
}

/** The answer came, and what it costs nobody knows: the hold stays until an operator finds out. */
export function decideOpen(state: BudgetState, uncertain: CallUncertain): Decision<void> {
  mustBePending(state, uncertain.call);
  return { events: [{ $case: "callUncertain", value: uncertain }], value: undefined };
}

/**
 * At boot: calls that were out when the coordinator stopped keep their holds. Whether they left is
 * not known, because the intent is durable before and the outcome after.
 */
export function decideUncertain(state: BudgetState): Decision<number> {
  const pending = [...state.calls.values()].filter((call) => call.state === "pending");
  const reason = "the coordinator stopped while the call was out";
  const unknown = { reason, status: 0, bytesOut: 0, bytesIn: 0 };
  return {
    events: pending.map(({ call }) => ({ $case: "callUncertain", value: { call, ...unknown } })),
    value: pending.length,
  };
}

function mustBePending(state: BudgetState, id: string): Call {
  const call = state.calls.get(id);
  if (call === undefined) throw refuse("INTERNAL", `call ${id} is unknown`);
  if (call.state === "pending") return call;
  const ended = call.state === "uncertain" ? "is uncertain" : "has ended before";
  throw refuse("INTERNAL", `call ${id} ${ended}`);
}
