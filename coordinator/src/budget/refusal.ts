import type { CallRefused } from "@cohort/proto/gen/cohort/ledger";
import type { Problem } from "@cohort/proto/problem";
import type { Decision } from "../state/decision.ts";
import type { BudgetState } from "./budget.ts";
import { budgetLimits } from "./limits.ts";

/** How many refusals of a node were recorded since `sinceMs`. */
export interface RefusalCount {
  readonly sinceMs: number;
  readonly count: number;
}

/** `recorded` is false when the node was refused so often lately that the log is spared. */
export interface Refused {
  readonly refused: Problem;
  readonly recorded: boolean;
}

/** Where and what was attempted, for the ledger. */
export type Attempted = Omit<CallRefused, "code">;

/** A node that floods the coordinator with calls to refuse can't fill the disk with refusals. */
export function decideRefusal(
  state: BudgetState,
  attempted: Attempted,
  refused: Problem,
  nowMs: number,
): Decision<Refused> {
  const { count } = currentCount(state.refusals, attempted.node, nowMs);
  if (count >= budgetLimits.refusalsRecordedMax) {
    return { events: [], value: { refused, recorded: false } };
  }
  return {
    events: [{ $case: "callRefused", value: { ...attempted, code: refused.code } }],
    value: { refused, recorded: true },
  };
}

export function countRefusal(
  refusals: Map<string, RefusalCount>,
  node: string,
  atMs: number,
): void {
  const { sinceMs, count } = currentCount(refusals, node, atMs);
  refusals.set(node, { sinceMs, count: count + 1 });
}

function currentCount(
  refusals: ReadonlyMap<string, RefusalCount>,
  node: string,
  nowMs: number,
): RefusalCount {
  const known = refusals.get(node);
  const age = nowMs - (known?.sinceMs ?? Number.NEGATIVE_INFINITY);
  if (known === undefined || age < 0 || age >= budgetLimits.refusalWindowMs) {
    return { sinceMs: nowMs, count: 0 };
  }
  return known;
}
