import type { Problem } from "@cohort/proto/problem";
import type { Workflow } from "@cohort/proto/resources/workflow";
import { findCycle } from "./graph.ts";
import { suggest } from "./nearest.ts";
import type { Source } from "./source.ts";

/** Ids that are taken twice, dependencies on no step, circles. */
export function graphProblems(workflow: Workflow, source: Source): Problem[] {
  const problems = [...duplicateProblems(workflow, source), ...unknownProblems(workflow, source)];
  return problems.length > 0 ? problems : cycleProblems(workflow, source);
}

function duplicateProblems(workflow: Workflow, source: Source): Problem[] {
  const ids = new Set<string>();
  return workflow.steps.flatMap(({ id }, at) => {
    const taken = ids.has(id);
    ids.add(id);
    const message = `another step is called "${id}" already`;
    return taken ? [source.problemAt(["steps", at, "id"], "RESOURCE_DUPLICATE", message)] : [];
  });
}

function unknownProblems({ steps }: Workflow, source: Source): Problem[] {
  const names = steps.map((step) => step.id);
  const ids = new Set(names);
  return steps.flatMap((step, at) =>
    step.depends.flatMap((id, index) => {
      if (ids.has(id)) return [];
      const message = `no step is called "${id}"`;
      const place = ["steps", at, "depends", index];
      return [source.problemAt(place, "STEP_DEPENDS_UNKNOWN", message, suggest(id, names))];
    }),
  );
}

function cycleProblems({ steps }: Workflow, source: Source): Problem[] {
  const cycle = findCycle(steps);
  if (cycle === null) return [];
  const at = steps.findIndex((step) => step.id === cycle[0]);
  const message = `steps wait for one another: ${[...cycle, cycle[0]].join(" -> ")}`;
  const hint = "Remove one of these dependencies.";
  return [source.problemAt(["steps", at, "depends"], "STEP_CYCLE", message, hint)];
}
