import type { BudgetLine, Charge } from "@cohort/proto/gen/cohort/console";
import type { BudgetState, Call } from "./budget.ts";
import { windowOf } from "./window.ts";

/** Every budget by name, with its window of the moment. */
export function budgetLines(state: BudgetState, nowMs: number): BudgetLine[] {
  const budgets = [...state.budgets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return budgets.map((budget) => {
    const account = `budget/${budget.name}`;
    const window = windowOf(budget, Math.max(nowMs, state.latestMs));
    const sum = state.accounts.get(account)?.get(window);
    return {
      account,
      window,
      limitNanoUsd: budget.limit,
      postedNanoUsd: sum?.postedNanoUsd ?? 0,
      heldNanoUsd: sum?.heldNanoUsd ?? 0,
    };
  });
}

/** What each call of the run cost, or may cost while it is out, in the order of the calls. */
export function chargesOfRun(state: BudgetState, run: string): Charge[] {
  const calls = [...(state.runs.get(run)?.calls ?? [])];
  return calls
    .map((id) => state.calls.get(id))
    .filter((it) => it !== undefined)
    .map(chargeOf);
}

function chargeOf({
  call,
  attempt,
  service,
  state,
  holds,
  reservedNanoUsd,
  actualNanoUsd,
}: Call): Charge {
  const nanoUsd = state === "posted" ? actualNanoUsd : reservedNanoUsd;
  return { call, step: attempt.step, service, state, nanoUsd, holds: [...holds] };
}
