import type { Hold } from "@cohort/proto/gen/cohort/ledger";
import type { Event } from "../state/event.ts";
import { add, type Sum } from "./accounts.ts";
import type { BudgetState } from "./budget.ts";

/** What follows for the budgets' thresholds when so much more is spent in each of the accounts. */
export function reachedBySpending(
  state: BudgetState,
  holds: readonly Hold[],
  nanoUsd: number,
): Event[] {
  return holds.flatMap((hold) => {
    const sum = state.accounts.get(hold.account)?.get(hold.window);
    if (sum === undefined) return [];
    const spent = add(sum.postedNanoUsd, nanoUsd);
    return reached(
      state,
      hold,
      sum,
      (limit) => Number((BigInt(spent) * 100n) / BigInt(limit)),
      spent,
    );
  });
}

/** A call was refused because this account has not enough left: for its owner that is all of it. */
export function reachedByRefusal(state: BudgetState, hold: Hold, sum: Sum): Event[] {
  return reached(state, hold, sum, () => 100, sum.postedNanoUsd);
}

function reached(
  state: BudgetState,
  { account, window }: Hold,
  { reachedPercent }: Sum,
  percentOf: (limitNanoUsd: number) => number,
  spentNanoUsd: number,
): Event[] {
  if (!account.startsWith(budgetPrefix)) return [];
  const budget = state.budgets.get(account.slice(budgetPrefix.length));
  if (budget === undefined || budget.limit === 0) return [];
  const percent = Math.max(0, ...budget.warn_at.filter((it) => it <= percentOf(budget.limit)));
  if (percent <= reachedPercent) return [];
  const { name, limit: limitNanoUsd } = budget;
  const value = { budget: name, window, percent, spentNanoUsd, limitNanoUsd };
  return [{ $case: "budgetReached", value }];
}

export const budgetPrefix = "budget/";
