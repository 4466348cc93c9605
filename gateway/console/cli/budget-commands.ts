import type { AddCommands } from "./program.ts";

/** `cohort budget show`, `set` and `reconcile`. */
export const addBudgetCommands: AddCommands = (program, work) => {
  const budget = program
    .command("budget")
    .description("see and change what may be spent, and settle what is in doubt");
  budget
    .command("show", { isDefault: true })
    .description("show what each budget allows, has spent, and holds, and calls that are in doubt")
    .action(() =>
      work(async (session) => (await import("./commands/budget.ts")).showBudgets(session)),
    );
  budget
    .command("set <budget>")
    .description("give a budget another limit; the ledger keeps who, from what and to what")
    .requiredOption("--limit <amount>", 'most that may be spent in a window, as "5.00 USD"')
    .option("--reason <text>", "why, for the ledger", "")
    .action((name, options) =>
      work(async (session) =>
        (await import("./commands/budget.ts")).setBudget(session, name, options),
      ),
    );
  budget
    .command("reconcile <call>")
    .description("say what an uncertain call cost, which ends its hold")
    .option("--actual <amount>", 'what the provider billed, as "0.02 USD"')
    .option("--charge-hold", "charge what was reserved, the most that it can have cost", false)
    .option("--void", "charge nothing: the call was never made", false)
    .option("--reason <text>", "how it was found out, for the ledger", "")
    .action((call, options) =>
      work(async (session) =>
        (await import("./commands/budget.ts")).reconcile(session, call, options),
      ),
    );
};
