import { refuse } from "@cohort/proto/problem";
import type { Decision } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { checkReason } from "../state/reason.ts";
import type { BudgetState } from "./budget.ts";
import { reachedBySpending } from "./reached.ts";

export interface Reconciliation {
  readonly call: string;
  readonly actor: string;
  readonly reason: string;
  /** "hold": it cost what was reserved; "void": it was never made. */
  readonly actual: { readonly nanoUsd: number } | "hold" | "void";
}

/**
 * Ends an uncertain call with what an operator found out that it cost. Gives what it is charged.
 * Throws CALL_UNKNOWN, CALL_NOT_UNCERTAIN or USAGE.
 */
export function decideReconcile(
  state: BudgetState,
  { call: id, actor, reason, actual }: Reconciliation,
): Decision<number> {
  checkReason(reason);
  const call = state.calls.get(id);
  if (call === undefined) {
    throw refuse("CALL_UNKNOWN", `no call ${id} is remembered`, {
      hint: "`cohort budget show` lists the calls that wait for this.",
    });
  }
  if (call.state !== "uncertain") {
    throw refuse("CALL_NOT_UNCERTAIN", `call ${id} is ${call.state}: its cost is not in doubt`, {
      hint: "`cohort budget show` lists the calls that wait for this.",
    });
  }
  const nanoUsd = amountOf(actual, call.reservedNanoUsd);
  if (!Number.isSafeInteger(nanoUsd) || nanoUsd < 0) {
    throw refuse("USAGE", `a call cannot cost ${nanoUsd} nano-USD`);
  }
  const reconciled: Event = {
    $case: "callReconciled",
    value: { call: id, actor, actualNanoUsd: nanoUsd, voided: actual === "void", reason },
  };
  const events = [reconciled, ...reachedBySpending(state, call.holds, nanoUsd)];
  return { events, value: nanoUsd };
}

function amountOf(actual: Reconciliation["actual"], reservedNanoUsd: number): number {
  if (actual === "void") return 0;
  return actual === "hold" ? reservedNanoUsd : actual.nanoUsd;
}
