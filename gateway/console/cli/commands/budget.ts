import { formatMoney } from "@cohort/proto/quantity";
import type { Session } from "../session.ts";
import { budgetView } from "../views.ts";

/** Every budget in its present window. */
export async function listBudgets(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { budgets } = await console.call(console.budgets, console.budgets.list, {});
  output.result({ budgets: budgets.map(budgetView) }, () =>
    output.table(
      ["ACCOUNT", "WINDOW", "LIMIT", "SPENT", "HELD", "LEFT"],
      budgets.map((it) => [
        it.account,
        it.window,
        formatMoney(it.limitNanoUsd),
        formatMoney(it.postedNanoUsd),
        formatMoney(it.heldNanoUsd),
        formatMoney(it.limitNanoUsd - it.postedNanoUsd - it.heldNanoUsd),
      ]),
    ),
  );
  return 0;
}
