import type { GraphStep } from "@cohort/proto/gen/cohort/console";

/** For each step, how many steps at most stand one behind the other before it. Linear. */
export function levelsOf(steps: readonly GraphStep[]): ReadonlyMap<string, number> {
  const levels = new Map<string, number>();
  const open = new Map(steps.map((it) => [it.step, it.depends.length]));
  const dependents = new Map<string, string[]>();
  for (const { step, depends } of steps) {
    for (const id of depends) dependents.set(id, [...(dependents.get(id) ?? []), step]);
  }
  const ready = steps.filter(({ depends }) => depends.length === 0).map(({ step }) => step);
  for (const step of ready) levels.set(step, 0);
  for (let step = ready.pop(); step !== undefined; step = ready.pop()) {
    const level = (levels.get(step) ?? 0) + 1;
    for (const dependent of dependents.get(step) ?? []) {
      levels.set(dependent, Math.max(level, levels.get(dependent) ?? 0));
      const left = (open.get(dependent) ?? 0) - 1;
      open.set(dependent, left);
      if (left === 0) ready.push(dependent);
    }
  }
  return levels;
}
