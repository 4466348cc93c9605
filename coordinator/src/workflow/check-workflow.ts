import { compileExpression, ExpressionError, hasExpression } from "@cohort/proto/expression";
import type { Problem } from "@cohort/proto/problem";
import type { TemplateValue } from "@cohort/proto/resources/values";
import {
  kindOf,
  stepKinds,
  type Workflow,
  type WorkflowStep,
} from "@cohort/proto/resources/workflow";
import { endsBefore, findCycle, type GraphStep } from "./graph.ts";
import { suggest } from "./nearest.ts";
import { stepKindProblem } from "./parse-resource.ts";
import type { Path, Source } from "./source.ts";
import { compileValue, TemplateError } from "./template-value.ts";

/** What a schema cannot say: the graph, the expressions and what they may read. */
export function checkWorkflow(workflow: Workflow, source: Source): Problem[] {
  const graph = graphProblems(workflow, source);
  if (graph.length > 0) return graph;
  const byId = new Map(workflow.steps.map((step) => [step.id, step]));
  return [
    ...workflow.steps.flatMap((step, at) => stepProblems(workflow, byId, step, at, source)),
    ...triggerProblems(workflow, source),
    ...inputProblems(workflow, source),
  ];
}

function graphProblems(workflow: Workflow, source: Source): Problem[] {
  const problems: Problem[] = [];
  const ids = new Set<string>();
  const names = workflow.steps.map((step) => step.id);
  workflow.steps.forEach((step, at) => {
    if (ids.has(step.id)) {
      const message = `another step is called "${step.id}" already`;
      problems.push(source.problemAt(["steps", at, "id"], "RESOURCE_DUPLICATE", message));
    }
    ids.add(step.id);
  });
  workflow.steps.forEach((step, at) => {
    step.depends.forEach((id, index) => {
      if (names.length > 0 && ids.has(id)) return;
      const place: Path = ["steps", at, "depends", index];
      const hint = suggest(id, names);
      problems.push(
        source.problemAt(place, "STEP_DEPENDS_UNKNOWN", `no step is called "${id}"`, hint),
      );
    });
  });
  const cycle = problems.length === 0 ? findCycle(workflow.steps) : null;
  if (cycle !== null) {
    const at = names.indexOf(cycle[0] as string);
    const message = `steps wait for one another: ${[...cycle, cycle[0]].join(" -> ")}`;
    const hint = "Remove one of these dependencies.";
    problems.push(source.problemAt(["steps", at, "depends"], "STEP_CYCLE", message, hint));
  }
  return problems;
}

function stepProblems(
  workflow: Workflow,
  byId: ReadonlyMap<string, GraphStep>,
  step: WorkflowStep,
  at: number,
  source: Source,
): Problem[] {
  const kind = kindOf(step);
  if (kind === null) {
    return [
      stepKindProblem(
        source,
        at,
        stepKinds.filter((it) => step[it] !== undefined),
      ),
    ];
  }
  const place: Path = ["steps", at];
  const scope = scopeOf(workflow, byId, step);
  const check = (path: Path, value: TemplateValue) =>
    valueProblems(value, [...place, ...path], source, scope);
  return [
    ...uselessKeys(kind).flatMap((key) =>
      hasKey(source.value, at, key)
        ? [
            source.problemAtKey(
              place,
              key,
              "RESOURCE_KEY_UNKNOWN",
              `"${key}" means nothing in a ${kind} step`,
            ),
          ]
        : [],
    ),
    ...(["run", "script"] as const).flatMap((key) =>
      scriptProblems(step[key], [...place, key], source),
    ),
    ...check(["env"], step.env),
    ...check(["with"], step.with),
    ...check(["command"], step.command ?? null),
    ...check(["call", "path"], step.call?.path ?? null),
    ...check(["call", "json"], step.call?.json ?? null),
    ...selectorProblems(workflow, step, [...place, "nodes", "select"], source),
  ];
}

/** Keys that a kind of step would accept and ignore. */
function uselessKeys(kind: (typeof stepKinds)[number]): string[] {
  if (kind === "call") return ["nodes", "shell", "with", "env", "grants", "requires", "limits"];
  return kind === "run" ? [] : ["shell"];
}

function hasKey(value: unknown, at: number, key: string): boolean {
  const step = (value as { steps: object[] }).steps[at];
  return step !== undefined && Object.hasOwn(step, key);
}

function scriptProblems(text: string | undefined, path: Path, source: Source): Problem[] {
  if (text === undefined || !hasExpression(text)) return [];
  const hint = "Pass the value by `env:` or `with:` and read it there.";
  return [
    source.problemAt(
      path,
      "EXPRESSION_IN_SCRIPT",
      "an expression inside program text is refused",
      hint,
    ),
  ];
}

/** What an expression may read, and the explanation of what it may not. */
type Scope = (reference: readonly string[]) => { message: string; hint: string } | null;

function scopeOf(
  workflow: Workflow,
  byId: ReadonlyMap<string, GraphStep>,
  step: WorkflowStep,
): Scope {
  const inputs = Object.keys(workflow.inputs);
  return ([root, member]) => {
    if (root === "inputs" && member !== undefined && !inputs.includes(member)) {
      return { message: `no input is called "${member}"`, hint: suggest(member, inputs) };
    }
    if (root === "steps" && member !== undefined && !endsBefore(byId, member, step.id)) {
      const hint = `Add "${member}" to the step's depends.`;
      return { message: `step "${member}" has not ended when "${step.id}" starts`, hint };
    }
    return rootProblem(root as string, ["inputs", "event", "steps", "run", "node", "instance"]);
  };
}

function rootProblem(root: string, roots: readonly string[]) {
  return roots.includes(root)
    ? null
    : { message: `unknown name "${root}"`, hint: suggest(root, roots) };
}

function valueProblems(value: TemplateValue, path: Path, source: Source, scope: Scope): Problem[] {
  try {
    return compileValue(value).references.flatMap((reference) => {
      const fault = scope(reference);
      return fault === null
        ? []
        : [source.problemAt(path, "EXPRESSION_INVALID", fault.message, fault.hint)];
    });
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return [source.problemAt([...path, ...error.path], "EXPRESSION_INVALID", error.message)];
  }
}

/** Properties of a node that a selector may read. */
const nodeProperties = ["name", "labels", "arch", "isolation", "cores", "memory_bytes", "version"];

function selectorProblems(
  workflow: Workflow,
  step: WorkflowStep,
  path: Path,
  source: Source,
): Problem[] {
  const select = step.nodes?.select;
  if (select === undefined) return [];
  const inputs = Object.keys(workflow.inputs);
  const scope: Scope = ([root, member]) => {
    if (root === "node" && member !== undefined && !nodeProperties.includes(member)) {
      return {
        message: `nodes have no property "${member}"`,
        hint: suggest(member, nodeProperties),
      };
    }
    if (root === "inputs" && member !== undefined && !inputs.includes(member)) {
      return { message: `no input is called "${member}"`, hint: suggest(member, inputs) };
    }
    return rootProblem(root as string, ["node", "inputs"]);
  };
  return expressionProblems(select, path, source, scope, "SELECTOR_UNKNOWN");
}

function expressionProblems(
  text: string,
  path: Path,
  source: Source,
  scope: Scope,
  code: "SELECTOR_UNKNOWN" | "EXPRESSION_INVALID",
): Problem[] {
  try {
    return compileExpression(text).references.flatMap((reference) => {
      const fault = scope(reference);
      return fault === null ? [] : [source.problemAt(path, code, fault.message, fault.hint)];
    });
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return [source.problemAt(path, "EXPRESSION_INVALID", error.message)];
  }
}

function triggerProblems(workflow: Workflow, source: Source): Problem[] {
  return workflow.on.mqtt.flatMap((trigger, at) =>
    trigger.if === undefined
      ? []
      : expressionProblems(
          trigger.if,
          ["on", "mqtt", at, "if"],
          source,
          ([root]) => rootProblem(root as string, ["event"]),
          "EXPRESSION_INVALID",
        ),
  );
}

function inputProblems(workflow: Workflow, source: Source): Problem[] {
  return Object.entries(workflow.inputs).flatMap(([name, input]) =>
    valueProblems(input.default ?? null, ["inputs", name, "default"], source, ([root]) =>
      rootProblem(root as string, ["event"]),
    ),
  );
}
