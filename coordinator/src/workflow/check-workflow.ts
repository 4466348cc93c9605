import { readable } from "@cohort/proto/expression-variables";
import type { Problem } from "@cohort/proto/problem";
import { allSteps, type Workflow } from "@cohort/proto/resources/workflow";
import { nameFault, rootFault, valueProblems } from "./check-expressions.ts";
import { checkGraph } from "./check-graph.ts";
import { stepProblems } from "./check-step.ts";
import { triggerProblems } from "./check-triggers.ts";
import type { GraphStep } from "./graph.ts";
import { inputFault, type StepContext } from "./scope.ts";
import type { Source } from "./source.ts";

/** What a schema cannot say: the graph, the expressions and what they may read. */
export function checkWorkflow(workflow: Workflow, source: Source): Problem[] {
  const graph = checkGraph(workflow, source);
  if (Array.isArray(graph)) return graph;
  const steps = allSteps(workflow);
  const phaseOf = new Map(steps.map(({ phase, step }) => [step.id, phase]));
  const stepOf = new Map(steps.map(({ step }) => [step.id, step]));
  const byId = graph as ReadonlyMap<string, GraphStep>;
  const context = { workflow, graph: byId, phaseOf, stepOf, source };
  return [
    ...steps.flatMap(({ phase, at, step }) => stepProblems(context, step, [phase, at])),
    ...triggerProblems(workflow, source),
    ...inputProblems(workflow, source),
    ...groupProblems(workflow, source),
    ...outputProblems(context),
  ];
}

function inputProblems(workflow: Workflow, source: Source): Problem[] {
  return Object.entries(workflow.inputs).flatMap(([name, input]) =>
    valueProblems(input.default ?? null, ["inputs", name, "default"], source, ([root]) =>
      rootFault(root as string, readable.start),
    ),
  );
}

function groupProblems({ concurrency, inputs }: Workflow, source: Source): Problem[] {
  if (concurrency === undefined) return [];
  const names = Object.keys(inputs);
  return valueProblems(concurrency.group, ["concurrency", "group"], source, ([root, member]) =>
    root === "inputs" && member !== undefined
      ? nameFault(member, names, `no input is called "${member}"`)
      : rootFault(root as string, readable.group),
  );
}

function outputProblems({ workflow, stepOf, source }: StepContext): Problem[] {
  const steps = [...stepOf.keys()];
  return valueProblems(workflow.outputs ?? null, ["outputs"], source, ([root, member]) => {
    if (root === "inputs" && member !== undefined) {
      return inputFault(member, Object.keys(workflow.inputs));
    }
    if (root === "steps" && member !== undefined) {
      return nameFault(member, steps, `no step is called "${member}"`);
    }
    return rootFault(root as string, readable.outputs);
  });
}
