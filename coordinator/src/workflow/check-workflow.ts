import type { Problem } from "@cohort/proto/problem";
import type { Workflow } from "@cohort/proto/resources/workflow";
import { conditionProblems, rootFault, valueProblems } from "./check-expressions.ts";
import { graphProblems } from "./check-graph.ts";
import { stepProblems } from "./check-step.ts";
import type { Source } from "./source.ts";

/** What a schema cannot say: the graph, the expressions and what they may read. */
export function checkWorkflow(workflow: Workflow, source: Source): Problem[] {
  const problems = graphProblems(workflow, source);
  if (problems.length > 0) return problems;
  const graph = new Map(workflow.steps.map((step) => [step.id, step]));
  return [
    ...workflow.steps.flatMap((step, at) => stepProblems({ workflow, graph, source }, step, at)),
    ...triggerProblems(workflow, source),
    ...inputProblems(workflow, source),
  ];
}

function triggerProblems(workflow: Workflow, source: Source): Problem[] {
  return workflow.on.mqtt.flatMap((trigger, at) =>
    trigger.if === undefined
      ? []
      : conditionProblems(trigger.if, ["on", "mqtt", at, "if"], source, ([root]) =>
          rootFault(root as string, ["event"]),
        ),
  );
}

function inputProblems(workflow: Workflow, source: Source): Problem[] {
  return Object.entries(workflow.inputs).flatMap(([name, input]) =>
    valueProblems(input.default ?? null, ["inputs", name, "default"], source, ([root]) =>
      rootFault(root as string, ["event"]),
    ),
  );
}
