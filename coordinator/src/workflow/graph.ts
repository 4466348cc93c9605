/** The dependency graph of a workflow's steps. Pure, and linear in steps and edges. */

export interface GraphStep {
  readonly id: string;
  readonly depends: readonly string[];
}

/**
 * Steps of one cycle, in order of dependence, or null when there is none. Kahn's algorithm leaves
 * exactly the steps on or behind cycles; walking dependencies among those must then repeat.
 */
export function findCycle(steps: readonly GraphStep[]): string[] | null {
  const byId = new Map(steps.map((step) => [step.id, step]));
  const open = new Map(
    steps.map((step) => [step.id, step.depends.filter((id) => byId.has(id)).length]),
  );
  const dependents = dependentsOf(steps);
  const ready = steps.filter((step) => open.get(step.id) === 0).map((step) => step.id);
  for (let id = ready.pop(); id !== undefined; id = ready.pop()) {
    open.delete(id);
    for (const dependent of dependents.get(id) ?? []) {
      const left = (open.get(dependent) ?? 0) - 1;
      open.set(dependent, left);
      if (left === 0) ready.push(dependent);
    }
  }
  const [start] = open.keys();
  if (start === undefined) return null;
  const walked = new Set<string>();
  let at = start;
  while (!walked.has(at)) {
    walked.add(at);
    at = byId.get(at)?.depends.find((id) => open.has(id)) as string;
  }
  const order = [...walked];
  return order.slice(order.indexOf(at));
}

/** For each step, the steps that depend on it. */
export function dependentsOf(steps: readonly GraphStep[]): Map<string, string[]> {
  const dependents = new Map<string, string[]>();
  for (const step of steps) {
    for (const id of step.depends) {
      const list = dependents.get(id);
      if (list === undefined) dependents.set(id, [step.id]);
      else list.push(step.id);
    }
  }
  return dependents;
}

/** Whether one step has always ended before another starts. */
export function endsBefore(
  byId: ReadonlyMap<string, GraphStep>,
  earlier: string,
  later: string,
): boolean {
  const seen = new Set<string>();
  const left = [...(byId.get(later)?.depends ?? [])];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (at === earlier) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    left.push(...(byId.get(at)?.depends ?? []));
  }
  return false;
}
