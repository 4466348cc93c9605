import type { BudgetLine, ReconcileRequest, UncertainCall } from "@cohort/proto/gen/cohort/console";
import { refuse } from "@cohort/proto/problem";
import { attemptId } from "@cohort/proto/proof";
import { formatDuration, formatMoney, parseMoney } from "@cohort/proto/quantity";
import { neutralise } from "@cohort/proto/text";
import { formatMoment } from "../moments.ts";
import type { Output } from "../output.ts";
import type { Session } from "../session.ts";
import { budgetView, uncertainView } from "../views.ts";

/** Every budget in its present window, and the calls whose cost is in doubt. */
export async function showBudgets(session: Session): Promise<number> {
  const { output } = session;
  const console = await session.console();
  const { budgets, uncertain } = await console.call(console.budgets, console.budgets.list, {});
  const view = { budgets: budgets.map(budgetView), uncertain: uncertain.map(uncertainView) };
  output.result(view, () =>
    [budgetTable(output, budgets), ...uncertainLines(output, uncertain)].join("\n"),
  );
  return 0;
}

export async function setBudget(
  session: Session,
  budget: string,
  options: { readonly limit: string; readonly reason: string },
): Promise<number> {
  const limitNanoUsd = moneyOption("--limit", options.limit);
  const console = await session.console();
  const request = { budget, limitNanoUsd, reason: options.reason };
  const { beforeNanoUsd } = await console.call(console.budgets, console.budgets.set, request);
  const view = { budget, before_nano_usd: beforeNanoUsd, limit_nano_usd: limitNanoUsd };
  session.output.result(view, () =>
    neutralise(`${budget}: ${formatMoney(limitNanoUsd)}, before ${formatMoney(beforeNanoUsd)}`),
  );
  return 0;
}

export interface ReconcileOptions {
  readonly actual?: string;
  readonly chargeHold: boolean;
  readonly void: boolean;
  readonly reason: string;
}

export async function reconcile(
  session: Session,
  call: string,
  options: ReconcileOptions,
): Promise<number> {
  const outcome = outcomeOf(options);
  const console = await session.console();
  const request = { call, outcome, reason: options.reason };
  const reply = await console.call(console.budgets, console.budgets.reconcile, request);
  const { actualNanoUsd } = reply;
  session.output.result({ call, actual_nano_usd: actualNanoUsd }, () =>
    neutralise(`${call} is charged ${formatMoney(actualNanoUsd)}`),
  );
  return 0;
}

function budgetTable(output: Output, budgets: readonly BudgetLine[]): string {
  return output.table(
    [
      ...["ACCOUNT", "SCOPE", "WINDOW", "LIMIT", "SPENT", "HELD", "LEFT", "REACHED"],
      ...["CPU", "BYTES IN", "BYTES OUT"],
    ],
    budgets.map((it) => [
      it.account,
      it.scope,
      it.window,
      formatMoney(it.limitNanoUsd),
      formatMoney(it.postedNanoUsd),
      formatMoney(it.heldNanoUsd),
      formatMoney(it.limitNanoUsd - it.postedNanoUsd - it.heldNanoUsd),
      it.reachedPercent === 0 ? "" : `${it.reachedPercent}%`,
      formatDuration(it.used?.cpuMs ?? 0),
      String(it.used?.bytesIn ?? 0),
      String(it.used?.bytesOut ?? 0),
    ]),
  );
}

function uncertainLines(output: Output, uncertain: readonly UncertainCall[]): string[] {
  if (uncertain.length === 0) return [];
  const table = output.table(
    ["UNCERTAIN CALL", "ATTEMPT", "SERVICE", "HELD", "SINCE", "WHY"],
    uncertain.map((it) => [
      it.call,
      it.attempt === undefined ? "" : attemptId(it.attempt),
      it.service,
      formatMoney(it.heldNanoUsd),
      formatMoment(it.sinceMs),
      it.reason,
    ]),
  );
  const remedy = "`cohort budget reconcile CALL` with --actual AMOUNT, --charge-hold or --void";
  return ["", table, "", `Find out what each cost, then ${remedy}.`];
}

function outcomeOf(options: ReconcileOptions): ReconcileRequest["outcome"] {
  const { actual, chargeHold, void: voided } = options;
  if ([actual !== undefined, chargeHold, voided].filter(Boolean).length !== 1) {
    throw refuse("USAGE", "say one of --actual AMOUNT, --charge-hold and --void", {
      hint: "--charge-hold takes the worst case that was reserved; --void is for a call that was never made.",
    });
  }
  if (chargeHold) return { $case: "chargeHold", value: true };
  if (voided) return { $case: "voided", value: true };
  return { $case: "actualNanoUsd", value: moneyOption("--actual", actual ?? "") };
}

function moneyOption(name: string, text: string): number {
  const nanoUsd = parseMoney(text);
  if (nanoUsd !== null) return nanoUsd;
  throw refuse("USAGE", `${name} must be an amount such as "0.20 USD"`);
}
