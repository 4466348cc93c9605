import {
  type BudgetsServer,
  BudgetsService,
  type ReconcileRequest,
} from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { decideReconcile, type Reconciliation } from "../budget/reconcile.ts";
import { budgetLines, uncertainCalls } from "../budget/report.ts";
import { decideBudget } from "../catalogue/decide-budget.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";

export function budgetsService(
  { unary }: Methods,
  writer: Writer,
  now: () => number,
): BudgetsServer {
  return {
    list: unary(BudgetsService.list, () =>
      writer.read(({ budget }) => ({
        budgets: budgetLines(budget, now()),
        uncertain: uncertainCalls(budget),
      })),
    ),
    set: unary(BudgetsService.set, async (request, { name: actor }) => {
      const { budget, limitNanoUsd, reason } = request;
      const change = { budget, limitNanoUsd, reason, actor };
      return { beforeNanoUsd: await writer.decide((it) => decideBudget(it.catalogue, change)) };
    }),
    reconcile: unary(BudgetsService.reconcile, async (request, { name: actor }) => {
      const { call, reason } = request;
      const reconciliation = { call, reason, actor, actual: actualOf(request) };
      return {
        actualNanoUsd: await writer.decide((it) => decideReconcile(it.budget, reconciliation)),
      };
    }),
  };
}

function actualOf({ outcome }: ReconcileRequest): Reconciliation["actual"] {
  switch (outcome?.$case) {
    case "actualNanoUsd":
      return { nanoUsd: outcome.value };
    case "chargeHold":
      return "hold";
    case "voided":
      return "void";
    default:
      throw refuse("USAGE", "say what the call cost, that the hold is charged, or that it is void");
  }
}
