import type { Budget } from "@cohort/proto/resources/budget";
import { windowOf } from "./window.ts";

/** Whose spending a call, or an attempt, is. */
export interface Scopes {
  /** Of the run, then of those whose sub-workflow it is, upwards. */
  readonly workflows: readonly string[];
  /** "" for none, as are the two that follow. */
  readonly agent: string;
  readonly node: string;
  readonly site: string;
  /** The run that nobody started as a sub-workflow. */
  readonly topRun: string;
}

export function covers({ scope }: Pick<Budget, "scope">, scopes: Scopes): boolean {
  const { workflows, agent, node, site } = scopes;
  const slash = scope.indexOf("/");
  const name = scope.slice(slash + 1);
  switch (slash === -1 ? scope : scope.slice(0, slash)) {
    case "workflow":
      return workflows.includes(name);
    case "agent":
      return agent === name;
    case "node":
      return node === name;
    case "site":
      return site === name;
    default:
      return scope === "mesh";
  }
}

/** The budgets that cover it, by name, each with the window of the moment. */
export function budgetsFor(
  budgets: ReadonlyMap<string, Budget>,
  scopes: Scopes,
  atMs: number,
): { readonly budget: Budget; readonly window: string }[] {
  return [...budgets.values()]
    .filter((budget) => covers(budget, scopes))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((budget) => ({ budget, window: windowOf(budget, atMs, scopes.topRun) }));
}
