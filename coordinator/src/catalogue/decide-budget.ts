import { createHash } from "node:crypto";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { refuse } from "@cohort/proto/problem";
import type { Budget } from "@cohort/proto/resources/budget";
import type { Decision } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { checkReason } from "../state/reason.ts";
import { suggest } from "../workflow/nearest.ts";
import { type Catalogue, definitionOf, resourcesOf } from "./catalogue.ts";
import { type Change, changesOf } from "./changes.ts";

export interface BudgetChange {
  readonly budget: string;
  readonly limitNanoUsd: number;
  readonly actor: string;
  readonly reason: string;
}

/**
 * Gives a budget another limit, as applying its changed definition would. The value is the limit
 * before. Throws BUDGET_UNKNOWN or USAGE.
 */
export function decideBudget(catalogue: Catalogue, change: BudgetChange): Decision<number> {
  const { budget: name, limitNanoUsd, actor, reason } = change;
  checkReason(reason);
  if (!Number.isSafeInteger(limitNanoUsd) || limitNanoUsd < 0) {
    throw refuse("USAGE", `a limit cannot be ${limitNanoUsd} nano-USD`);
  }
  const before = definitionOf(catalogue, "budget", name);
  if (before === null) throw unknown(catalogue, name);
  const after: Budget = { ...before, limit: limitNanoUsd };
  const definitionJson = canonicalJson(after);
  const version = createHash("sha256").update(definitionJson).digest("hex");
  const changes = changesOf(catalogue, [{ kind: "budget", name, version, definitionJson }]);
  if (changes.every((it) => it.change === "unchanged")) return { events: [], value: before.limit };
  const resources = changes.map((it) => it.after);
  const applied: Event = { $case: "resourcesApplied", value: { actor, resources } };
  return { events: [applied, ...budgetChanges(changes, actor, reason)], value: before.limit };
}

/** What the ledger tells of budgets beside that they were applied: from what, to what. */
export function budgetChanges(changes: readonly Change[], actor: string, reason: string): Event[] {
  return changes
    .filter(({ after, change }) => after.kind === "budget" && change !== "unchanged")
    .map(({ before, after }) => ({
      $case: "budgetChanged",
      value: {
        actor,
        budget: after.name,
        beforeJson: before?.definitionJson ?? "",
        afterJson: after.definitionJson,
        reason,
      },
    }));
}

function unknown(catalogue: Catalogue, name: string) {
  const names = resourcesOf(catalogue, "budget").map((it) => it.name);
  const hint = suggest(name, names) || "`cohort budget show` lists them all.";
  return refuse("BUDGET_UNKNOWN", `there is no budget ${JSON.stringify(name)}`, { hint });
}
