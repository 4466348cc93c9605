import { hasExpression } from "@cohort/proto/expression";
import type { Types } from "@cohort/proto/expression-types";
import { membersOf, readable } from "@cohort/proto/expression-variables";
import { isFactName, nodeFacts } from "@cohort/proto/node-facts";
import type { Problem } from "@cohort/proto/problem";
import type { TemplateValue } from "@cohort/proto/resources/values";
import {
  kindOf,
  type StepKind,
  stepKinds,
  type WorkflowStep,
} from "@cohort/proto/resources/workflow";
import { artifactProblems } from "./check-artifacts.ts";
import {
  conditionProblems,
  listProblems,
  nameFault,
  rootFault,
  type Scope,
  valueProblems,
} from "./check-expressions.ts";
import { uselessSettingProblems } from "./check-settings.ts";
import { stepKindProblem } from "./parse-resource.ts";
import { inputFault, instanceRoots, type StepContext, scopeOf, typesOf } from "./scope.ts";
import type { Path, Source } from "./source.ts";

export function stepProblems(context: StepContext, step: WorkflowStep, place: Path): Problem[] {
  const { source } = context;
  const kind = kindOf(step);
  if (kind === null) {
    const kinds = stepKinds.filter((it) => step[it] !== undefined);
    return [stepKindProblem(source, place, kinds)];
  }
  const scope = scopeOf(context, step, instanceRoots(step));
  const early = scopeOf(context, step, readable.beginning);
  const types = typesOf(context);
  const check = (path: Path, value: TemplateValue | undefined) =>
    value === undefined ? [] : valueProblems(value, [...place, ...path], source, scope, types);
  return [
    ...uselessKeyProblems(source, place, kind),
    ...uselessSettingProblems(source, place, step, kind),
    ...(["run", "script"] as const).flatMap((key) =>
      scriptProblems(step[key], [...place, key], source),
    ),
    ...(step.if === undefined
      ? []
      : conditionProblems(step.if, [...place, "if"], source, early, "EXPRESSION_INVALID", types)),
    ...listProblems(step.for_each, [...place, "for_each"], source, early, types),
    ...Object.entries(step.matrix ?? {}).flatMap(([name, list]) =>
      listProblems(list, [...place, "matrix", name], source, early, types),
    ),
    ...(kind === "agent" && step.prompt === undefined ? [promptProblem(source, place)] : []),
    ...check(["prompt"], step.prompt),
    ...check(["env"], step.env),
    ...check(["with"], step.with),
    ...check(["command"], step.command),
    ...check(["call", "path"], step.call?.path),
    ...check(["call", "json"], step.call?.json),
    ...check(["approve", "prompt"], step.approve?.prompt),
    ...cacheProblems(context, step, [...place, "cache", "key"]),
    ...artifactProblems(context, step, place, scope),
    ...check(["publish", "topic"], step.publish?.topic),
    ...check(["publish", "payload"], step.publish?.payload),
    ...selectorProblems(context, step, [...place, "nodes", "select"]),
  ];
}

function cacheProblems(context: StepContext, step: WorkflowStep, path: Path): Problem[] {
  if (step.cache === undefined) return [];
  // A success on one node stands for one on another.
  const roots = instanceRoots(step).filter((root) => root !== "node");
  const scope = scopeOf(context, step, roots);
  return valueProblems(step.cache.key, path, context.source, scope, typesOf(context));
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
  "outputs",
  "artifacts",
  "on_disconnect",
  "priority",
];

/** Keys that a kind of step would accept and ignore. */
function uselessKeys(kind: StepKind): string[] {
  if (kind === "agent") return ["shell", "env", "grants", "artifacts", "cache"];
  return ["prompt", ...uselessWithoutAgent(kind)];
}

function uselessWithoutAgent(kind: StepKind): string[] {
  const unpaid = [...nodeKeys, "budget", "cache", "shell"];
  if (kind === "sleep") return [...unpaid, "timeout", "retry", "continue_on_failure"];
  if (kind === "approve") return [...unpaid, "timeout"];
  if (kind === "publish") return unpaid;
  if (kind === "call") return [...nodeKeys, "shell"];
  if (kind === "workflow")
    return [...unpaid.filter((key) => key !== "with" && key !== "budget"), "timeout"];
  return kind === "run" ? [] : ["shell"];
}

function promptProblem(source: Source, place: Path): Problem {
  const message = "an agent step needs a `prompt`";
  return source.problemAtKey(place, "agent", "RESOURCE_INVALID", message);
}

function scriptProblems(text: string | undefined, path: Path, source: Source): Problem[] {
  if (text === undefined || !hasExpression(text)) return [];
  const message = "an expression inside program text is refused";
  const hint = "Pass the value by `env:` or `with:` and read it there.";
  return [source.problemAt(path, "EXPRESSION_IN_SCRIPT", message, hint)];
}

function selectorProblems({ workflow, source }: StepContext, step: WorkflowStep, path: Path) {
  const select = step.nodes?.select;
  if (select === undefined) return [];
  const inputs = Object.keys(workflow.inputs);
  const scope: Scope = ([root, member, name]) => {
    if (root === "node" && member !== undefined) {
      const fault = nameFault(member, membersOf("node"), `nodes have no property "${member}"`);
      if (fault !== null || member !== "facts" || name === undefined) return fault;
      return nameFault(name, Object.keys(nodeFacts), `there is no fact "${name}" about nodes`);
    }
    if (root === "inputs" && member !== undefined) return inputFault(member, inputs);
    return rootFault(root as string, readable.selector);
  };
  return conditionProblems(select, path, source, scope, "SELECTOR_UNKNOWN", factTypes);
}

const factTypes: Types = ([root, member, name = "", ...deeper]) => {
  if (root !== "node" || member !== "facts" || deeper.length > 0 || !isFactName(name)) return null;
  const { type } = nodeFacts[name];
  return type === "list" ? null : type;
};
