import type { StepKind } from "@cohort/proto/resources/workflow";

/** A step as far as it matters here, by id. */
export type ApprovalGraph = ReadonlyMap<
  string,
  { readonly kind: StepKind; readonly depends: readonly string[] }
>;

/** `approve` steps that have always ended before the step begins. */
export function approvalsBefore(graph: ApprovalGraph, step: string): string[] {
  const seen = new Set<string>();
  const left = [...(graph.get(step)?.depends ?? [])];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (seen.has(at)) continue;
    seen.add(at);
    left.push(...(graph.get(at)?.depends ?? []));
  }
  return [...seen].filter((it) => graph.get(it)?.kind === "approve");
}
