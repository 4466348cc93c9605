import { type BudgetsServer, BudgetsService } from "@cohort/proto/gen/cohort/console";
import { budgetLines } from "../budget/report.ts";
import type { Writer } from "../state/writer.ts";
import type { Methods } from "./methods.ts";

export function budgetsService(
  { unary }: Methods,
  writer: Writer,
  now: () => number,
): BudgetsServer {
  return {
    list: unary(BudgetsService.list, () =>
      writer.read((state) => ({ budgets: budgetLines(state.budget, now()) })),
    ),
  };
}
