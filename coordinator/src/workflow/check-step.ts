import { hasExpression } from "@cohort/proto/expression";
import { membersOf, readable } from "@cohort/proto/expression-variables";
import type { Problem } from "@cohort/proto/problem";
import type { TemplateValue } from "@cohort/proto/resources/values";
import {
  kindOf,
  type Phase,
  phases,
  type StepKind,
  stepKinds,
  type Workflow,
  type WorkflowStep,
} from "@cohort/proto/resources/workflow";
import {
  conditionProblems,
  listProblems,
  nameFault,
  rootFault,
  type Scope,
  valueProblems,
} from "./check-expressions.ts";
import { uselessSettingProblems } from "./check-settings.ts";
import { endsBefore, type GraphStep } from "./graph.ts";
import { stepKindProblem } from "./parse-resource.ts";
import type { Path, Source } from "./source.ts";

/** What the check of a step looks at beside the step. */
export interface StepContext {
  readonly workflow: Workflow;
  readonly graph: ReadonlyMap<string, GraphStep>;
  readonly phaseOf: ReadonlyMap<string, Phase>;
  readonly source: Source;
}

export function stepProblems(context: StepContext, step: WorkflowStep, place: Path): Problem[] {
  const { source } = context;
  const kind = kindOf(step);
  if (kind === null) {
    const kinds = stepKinds.filter((it) => step[it] !== undefined);
    return [stepKindProblem(source, place, kinds)];
  }
  const scope = scopeOf(context, step, instanceRoots(step));
  const early = scopeOf(context, step, readable.beginning);
  const check = (path: Path, value: TemplateValue) =>
    valueProblems(value, [...place, ...path], source, scope);
  return [
    ...uselessKeyProblems(source, place, kind),
    ...uselessSettingProblems(source, place, step, kind),
    ...(["run", "script"] as const).flatMap((key) =>
      scriptProblems(step[key], [...place, key], source),
    ),
    ...(step.if === undefined ? [] : conditionProblems(step.if, [...place, "if"], source, early)),
    ...listProblems(step.for_each, [...place, "for_each"], source, early),
    ...Object.entries(step.matrix ?? {}).flatMap(([name, list]) =>
      listProblems(list, [...place, "matrix", name], source, early),
    ),
    ...check(["env"], step.env),
    ...check(["with"], step.with),
    ...check(["command"], step.command ?? null),
    ...check(["call", "path"], step.call?.path ?? null),
    ...check(["call", "json"], step.call?.json ?? null),
    ...selectorProblems(context, step, [...place, "nodes", "select"]),
  ];
}

function uselessKeyProblems(source: Source, place: Path, kind: StepKind): Problem[] {
  const step = place.reduce<unknown>(
    (value, key) => (value as Record<string | number, unknown>)[key],
    source.value,
  ) as object;
  return uselessKeys(kind)
    .filter((key) => Object.hasOwn(step, key))
    .map((key) => {
      const message = `"${key}" means nothing in a ${kind} step`;
      return source.problemAtKey(place, key, "RESOURCE_KEY_UNKNOWN", message);
    });
}

/** Keys that are about the node that a step runs on, or what it is given there. */
const nodeKeys = [
  "nodes",
  "with",
  "env",
  "grants",
  "requires",
  "limits",
  "on_disconnect",
  "priority",
];

/** Keys that a kind of step would accept and ignore. */
function uselessKeys(kind: StepKind): string[] {
  if (kind === "sleep") return [...nodeKeys, "shell", "timeout", "retry", "continue_on_failure"];
  if (kind === "call") return [...nodeKeys, "shell"];
  return kind === "run" ? [] : ["shell"];
}

function scriptProblems(text: string | undefined, path: Path, source: Source): Problem[] {
  if (text === undefined || !hasExpression(text)) return [];
  const message = "an expression inside program text is refused";
  const hint = "Pass the value by `env:` or `with:` and read it there.";
  return [source.problemAt(path, "EXPRESSION_IN_SCRIPT", message, hint)];
}

/** What can be read of an instance that has its node. */
function instanceRoots(step: WorkflowStep): string[] {
  return readable.instance.filter((root) => {
    if (root === "item") return step.for_each !== undefined;
    return root !== "matrix" || step.matrix !== undefined;
  });
}

function scopeOf(context: StepContext, step: WorkflowStep, roots: readonly string[]): Scope {
  const inputs = Object.keys(context.workflow.inputs);
  return ([root, member, property]) => {
    if (root === "inputs" && member !== undefined) return inputFault(member, inputs);
    if (root === "matrix" && step.matrix !== undefined && member !== undefined) {
      const names = Object.keys(step.matrix);
      return nameFault(member, names, `the matrix has no list "${member}"`);
    }
    if (root === "run" && member !== undefined) {
      return nameFault(member, membersOf("run"), `\`run\` has no property "${member}"`);
    }
    if (root === "steps" && member !== undefined) {
      if (!hasEnded(context, member, step.id)) {
        const hint = `Add "${member}" to the step's depends.`;
        return { message: `step "${member}" has not ended when "${step.id}" starts`, hint };
      }
      const message = `a step has no property "${property}"`;
      return property === undefined ? null : nameFault(property, membersOf("steps"), message);
    }
    return rootFault(root as string, roots);
  };
}

/** Whether one step has ended for certain when another starts. */
function hasEnded({ graph, phaseOf }: StepContext, earlier: string, later: string): boolean {
  const [first, second] = [phaseOf.get(earlier), phaseOf.get(later)];
  if (first === undefined || second === undefined) return false;
  return phases.indexOf(first) < phases.indexOf(second) || endsBefore(graph, earlier, later);
}

function inputFault(name: string, inputs: readonly string[]) {
  return nameFault(name, inputs, `no input is called "${name}"`);
}

function selectorProblems({ workflow, source }: StepContext, step: WorkflowStep, path: Path) {
  const select = step.nodes?.select;
  if (select === undefined) return [];
  const inputs = Object.keys(workflow.inputs);
  const scope: Scope = ([root, member]) => {
    if (root === "node" && member !== undefined) {
      return nameFault(member, membersOf("node"), `nodes have no property "${member}"`);
    }
    if (root === "inputs" && member !== undefined) return inputFault(member, inputs);
    return rootFault(root as string, readable.selector);
  };
  return conditionProblems(select, path, source, scope, "SELECTOR_UNKNOWN");
}
