import type { BudgetLine, Charge, UncertainCall } from "@cohort/proto/gen/cohort/console";
import type { Budget } from "@cohort/proto/resources/budget";
import { emptySum, type Sum } from "./accounts.ts";
import type { BudgetState, Call } from "./budget.ts";
import { budgetLimits } from "./limits.ts";
import { budgetPrefix } from "./reached.ts";
import { windowOf } from "./window.ts";

/** Every budget by name, with its window of the moment, or with each run that it still knows. */
export function budgetLines(state: BudgetState, nowMs: number): BudgetLine[] {
  const budgets = [...state.budgets.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return budgets.flatMap((budget) => {
    const windows = state.accounts.get(`${budgetPrefix}${budget.name}`);
    if (budget.window === "run") {
      const runs = [...(windows ?? [])].filter(([window]) => window.startsWith("run/"));
      const latest = runs.slice(-budgetLimits.runWindowsShownMax);
      return latest.length === 0
        ? [budgetLine(budget, "run", emptySum())]
        : latest.map(([window, sum]) => budgetLine(budget, window, sum));
    }
    const window = windowOf(budget, Math.max(nowMs, state.latestMs), "");
    return [budgetLine(budget, window, windows?.get(window) ?? emptySum())];
  });
}

/** Calls whose cost an operator must find out, the oldest first; as many as can be shown. */
export function uncertainCalls(state: BudgetState): UncertainCall[] {
  return [...state.calls.values()]
    .filter((call) => call.state === "uncertain")
    .slice(0, budgetLimits.uncertainShownMax)
    .map(({ call, attempt, service, reservedNanoUsd, uncertainMs, reason }) => ({
      ...{ call, attempt, service, reason },
      heldNanoUsd: reservedNanoUsd,
      sinceMs: uncertainMs,
    }));
}

/** What each call of the run cost, or may cost while it is out, in the order of the calls. */
export function chargesOfRun(state: BudgetState, run: string): Charge[] {
  const calls = [...(state.runs.get(run)?.calls ?? [])];
  return calls
    .map((id) => state.calls.get(id))
    .filter((it) => it !== undefined)
    .map(chargeOf);
}

function budgetLine(budget: Budget, window: string, sum: Sum): BudgetLine {
  return {
    account: `${budgetPrefix}${budget.name}`,
    scope: budget.scope,
    window,
    limitNanoUsd: budget.limit,
    postedNanoUsd: sum.postedNanoUsd,
    heldNanoUsd: sum.heldNanoUsd,
    reachedPercent: sum.reachedPercent,
    used: { ...sum.used },
  };
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
  const isOpen = state === "pending" || state === "uncertain";
  const nanoUsd = isOpen ? reservedNanoUsd : actualNanoUsd;
  return { call, step: attempt.step, service, state, nanoUsd, holds: [...holds] };
}
