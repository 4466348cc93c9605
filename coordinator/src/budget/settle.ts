import type { CallSettled } from "@cohort/proto/gen/cohort/ledger";
import { refuse } from "@cohort/proto/problem";
import type { Decision } from "../state/decision.ts";
import type { BudgetState } from "./budget.ts";

/**
 * Ends a call that is pending or uncertain. `actualNanoUsd` is what the provider may bill: 0 alone
 * for a call that never left (a void), the whole hold when nobody can tell; more than the hold is
 * recorded in full and leaves the budget blocked. Throws INTERNAL, and records nothing, when the
 * call has ended before, is unknown, or the amount is none.
 */
export function decideSettle(state: BudgetState, settled: CallSettled): Decision<void> {
  const { call, actualNanoUsd } = settled;
  const known = state.calls.get(call);
  if (known === undefined) throw refuse("INTERNAL", `call ${call} is unknown`);
  if (known.state === "posted") throw refuse("INTERNAL", `call ${call} has ended before`);
  if (!Number.isSafeInteger(actualNanoUsd) || actualNanoUsd < 0) {
    throw refuse("INTERNAL", `call ${call} cannot cost ${actualNanoUsd} nano-USD`);
  }
  return { events: [{ $case: "callSettled", value: settled }], value: undefined };
}

/**
 * At boot: calls that were out when the coordinator stopped keep their holds. Whether they left is
 * not known, because the intent is durable before and the outcome after.
 */
export function decideUncertain(state: BudgetState): Decision<number> {
  const pending = [...state.calls.values()].filter((call) => call.state === "pending");
  const reason = "the coordinator stopped while the call was out";
  return {
    events: pending.map(({ call }) => ({ $case: "callUncertain", value: { call, reason } })),
    value: pending.length,
  };
}
