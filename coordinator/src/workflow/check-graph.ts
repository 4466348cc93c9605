import { ExpressionError } from "@cohort/proto/expression";
import type { Problem } from "@cohort/proto/problem";
import { allSteps, type Phase, phases, type Workflow } from "@cohort/proto/resources/workflow";
import { parseDependencies } from "./dependencies.ts";
import { findCycle, type GraphStep } from "./graph.ts";
import { suggest } from "./nearest.ts";
import type { Path, Source } from "./source.ts";

/** A step with its place, and the ids that it depends on. */
interface PlacedStep extends GraphStep {
  readonly place: Path;
  /** Whether `depends` is a list, so that a fault has a place in it. */
  readonly listed: boolean;
}

/** Ids that are taken twice, dependencies on no step, circles; or the graph by id. */
export function checkGraph(
  workflow: Workflow,
  source: Source,
): Problem[] | ReadonlyMap<string, GraphStep> {
  const problems: Problem[] = [];
  const byPhase = phases.map((phase) =>
    workflow[phase].map((step, at): PlacedStep => {
      const place = [phase, at];
      const listed = typeof step.depends !== "string";
      try {
        return { id: step.id, depends: parseDependencies(step.depends).steps, place, listed };
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        const problem = source.problemAt(
          [...place, "depends"],
          "EXPRESSION_INVALID",
          error.message,
        );
        problems.push(problem);
        return { id: step.id, depends: [], place, listed };
      }
    }),
  );
  problems.push(...duplicateProblems(workflow, source));
  const phaseOf = new Map(allSteps(workflow).map(({ phase, step }) => [step.id, phase]));
  problems.push(...byPhase.flatMap((steps) => unknownProblems(phaseOf, steps, source)));
  if (problems.length > 0) return problems;
  const circles = byPhase.flatMap((steps) => cycleProblems(steps, source));
  return circles.length > 0 ? circles : new Map(byPhase.flat().map((step) => [step.id, step]));
}

function duplicateProblems(workflow: Workflow, source: Source): Problem[] {
  const ids = new Set<string>();
  return allSteps(workflow).flatMap(({ phase, at, step: { id } }) => {
    const taken = ids.has(id);
    ids.add(id);
    const message = `another step is called "${id}" already`;
    return taken ? [source.problemAt([phase, at, "id"], "RESOURCE_DUPLICATE", message)] : [];
  });
}

function unknownProblems(
  phaseOf: ReadonlyMap<string, Phase>,
  steps: readonly PlacedStep[],
  source: Source,
): Problem[] {
  const names = steps.map((step) => step.id);
  const ids = new Set(names);
  return steps.flatMap(({ depends, place, listed }) =>
    depends.flatMap((id, index) => {
      if (ids.has(id)) return [];
      const at = listed ? [...place, "depends", index] : [...place, "depends"];
      const elsewhere = phaseOf.get(id);
      const message =
        elsewhere === undefined
          ? `no step is called "${id}"`
          : `"${id}" is one of \`${elsewhere}\`; these begin when those before have ended`;
      const hint = elsewhere === undefined ? suggest(id, names) : "Leave it out.";
      return [source.problemAt(at, "STEP_DEPENDS_UNKNOWN", message, hint)];
    }),
  );
}

function cycleProblems(steps: readonly PlacedStep[], source: Source): Problem[] {
  const cycle = findCycle(steps);
  if (cycle === null) return [];
  const place = steps.find((step) => step.id === cycle[0])?.place ?? [];
  const message = `steps wait for one another: ${[...cycle, cycle[0]].join(" -> ")}`;
  const hint = "Remove one of these dependencies.";
  return [source.problemAt([...place, "depends"], "STEP_CYCLE", message, hint)];
}
