import type { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import type { BudgetLine, Charge, Run } from "@cohort/proto/gen/cohort/console";
import { formatMoney } from "@cohort/proto/quantity";
import { verifiedLedger } from "./ledger.ts";
import { instanceName, placeOf } from "./run-changes.ts";

const resultLengthMax = 96;

/** What the run did, where, what it cost against which budget, and the proof of it. */
export async function printReport(parts: {
  readonly client: ConsoleClient;
  readonly run: Run;
  readonly endpoint: string;
  /** File that an operator's commands read. */
  readonly context: string;
  readonly print: (line: string) => void;
}): Promise<void> {
  const { client, run, endpoint, context, print } = parts;
  const { budgets } = await client.call(client.budgets, client.budgets.list, {});
  const ledger = await verifiedLedger(client);
  for (const line of runLines(run)) print(line);
  for (const line of spendingLines(run, budgets)) print(line);
  print("");
  for (const [at, line] of ledger.entries()) print(`${at === 0 ? "ledger " : "       "}  ${line}`);
  print(`console  ${endpoint} (gRPC over TLS; credentials in ${context})`);
}

/** Each step's node and result. */
export function runLines(run: Run): string[] {
  const seconds = ((run.endedMs - run.startedMs) / 1000).toFixed(2);
  const steps = run.steps.flatMap((step) =>
    step.instances.map((instance) => {
      const fault = `${instance.code} ${instance.message}`.trim();
      const result = instance.state === "failed" ? fault : shorten(instance.outputJson);
      return `  ${instanceName(step, instance).padEnd(12)} ${placeOf(instance).padEnd(16)} ${result}`;
    }),
  );
  return ["", `run ${run.run} of ${run.workflow} ${run.state} in ${seconds} s`, ...steps];
}

/** What was spent, and how much of each budget that the calls were held against is used. */
export function spendingLines(
  { charges, limitNanoUsd }: Pick<Run, "charges" | "limitNanoUsd">,
  budgets: readonly BudgetLine[],
): string[] {
  const total = charges.reduce((sum, charge) => sum + charge.nanoUsd, 0);
  const calls = charges.map(
    (it) =>
      `  ${it.step.padEnd(12)} ${it.service.padEnd(16)} ${formatMoney(it.nanoUsd)} ${it.state}`,
  );
  const touched = budgets.filter((budget) =>
    charges.some((charge) => charge.holds.some((hold) => hold.account === budget.account)),
  );
  const used = touched.map(
    ({ account, window, limitNanoUsd, postedNanoUsd }) =>
      `  ${account.padEnd(29)} ${formatMoney(postedNanoUsd)} of ${formatMoney(limitNanoUsd)}, ${window}`,
  );
  const ceiling = limitNanoUsd === 0 ? "" : ` of the run's ${formatMoney(limitNanoUsd)}`;
  return ["", `spent ${formatMoney(total)}${ceiling}`, ...calls, ...used];
}

function shorten(json: string): string {
  if (json === "") return "(no output)";
  return json.length <= resultLengthMax ? json : `${json.slice(0, resultLengthMax - 3)}...`;
}
