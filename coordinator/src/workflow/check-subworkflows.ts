import { compileTemplate, hasExpression } from "@cohort/proto/expression";
import { parseJson } from "@cohort/proto/json";
import type { Problem } from "@cohort/proto/problem";
import type { TemplateValue } from "@cohort/proto/resources/values";
import { allSteps, type Workflow, type WorkflowStep } from "@cohort/proto/resources/workflow";
import { suggest } from "./nearest.ts";
import type { Path, Source } from "./source.ts";
import { compileValue } from "./template-value.ts";

/** A workflow that is applied now, with its place. */
interface Applied {
  readonly definition: Workflow;
  readonly source: Source;
}

/** Workflows by name: those that are applied now, then those that stand. */
export interface Workflows {
  readonly names: readonly string[];
  /** Null where its definition is not known. */
  find(name: string): Workflow | null;
  exists(name: string): boolean;
}

/** Sub-workflows that are not there, inputs that they do not take, circles. */
export function subworkflowProblems(
  { definition, source }: Applied,
  workflows: Workflows,
): Problem[] {
  return allSteps(definition).flatMap(({ phase, at, step }) => {
    if (step.workflow === undefined) return [];
    const place = [phase, at];
    if (!workflows.exists(step.workflow)) {
      const message = `no workflow is called "${step.workflow}"`;
      const hint = suggest(step.workflow, workflows.names);
      const where = [...place, "workflow"];
      return [source.problemAt(where, "RESOURCE_REFERENCE_UNKNOWN", message, hint)];
    }
    const child = workflows.find(step.workflow);
    if (child === null) return [];
    return [
      ...inputProblems(step, child, place, source),
      ...circleProblems(definition.name, step.workflow, workflows, place, source),
    ];
  });
}

function inputProblems(
  step: WorkflowStep,
  child: Workflow,
  place: Path,
  source: Source,
): Problem[] {
  const declared = Object.keys(child.inputs);
  const unknown = Object.keys(step.with).filter((name) => !declared.includes(name));
  const missing = declared.filter(
    (name) => !Object.hasOwn(step.with, name) && !hasOwnDefault(child, name),
  );
  return [
    ...unknown.map((name) => {
      const message = `workflow ${child.name} has no input "${name}"`;
      return source.problemAtKey(
        [...place, "with"],
        name,
        "INPUT_INVALID",
        message,
        suggest(name, declared),
      );
    }),
    ...missing.map((name) => {
      const message = `input "${name}" of workflow ${child.name} is missing`;
      const hint = "Give it in `with`; a sub-workflow has no event for its defaults to read.";
      return source.problemAt(place, "INPUT_INVALID", message, hint);
    }),
    ...Object.entries(step.with).flatMap(([name, value]) => {
      const type = child.inputs[name]?.type;
      if (type === undefined || type === "json" || fits(value, type)) return [];
      const message = `input "${name}" of workflow ${child.name} must be a ${type}`;
      return [source.problemAt([...place, "with", name], "INPUT_INVALID", message)];
    }),
  ];
}

/** A default that reads the event has no value in a sub-workflow. */
function hasOwnDefault(child: Workflow, name: string): boolean {
  const value = child.inputs[name]?.default;
  return value !== undefined && !compileValue(value).references.some(([root]) => root === "event");
}

/** Whether a value may be of the type, as far as that is known; its expressions have been checked. */
function fits(value: TemplateValue, type: "string" | "number" | "boolean"): boolean {
  if (typeof value !== "string") return typeof value === type;
  if (type === "string") return !hasExpression(value) || mayBe(value, ["string"]);
  if (hasExpression(value)) return mayBe(value, ["string", ...celTypes[type]]);
  return type === "boolean" ? /^(?:true|false)$/.test(value) : isNumber(value);
}

const celTypes = { number: ["double", "int", "uint"], boolean: ["bool"] } as const;

function mayBe(text: string, types: readonly string[]): boolean {
  try {
    const type = compileTemplate(text).type();
    return type === "dyn" || types.includes(type);
  } catch {
    return true;
  }
}

function isNumber(text: string): boolean {
  return typeof parseJson(text) === "number";
}

/** A way from the sub-workflow back to the workflow itself. */
function circleProblems(
  name: string,
  child: string,
  workflows: Workflows,
  place: Path,
  source: Source,
): Problem[] {
  const way = wayTo(name, child, workflows);
  if (way === null) return [];
  const message = `workflows start one another: ${[name, ...way].join(" -> ")}`;
  const hint = "A run would start runs without end; take one of these steps out.";
  return [source.problemAt([...place, "workflow"], "WORKFLOW_CYCLE", message, hint)];
}

function wayTo(goal: string, from: string, workflows: Workflows): string[] | null {
  const cameFrom = new Map<string, string>([[from, ""]]);
  const left = [from];
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (at === goal) return wayBack(at, cameFrom);
    const definition = workflows.find(at);
    for (const { step } of definition === null ? [] : allSteps(definition)) {
      if (step.workflow === undefined || cameFrom.has(step.workflow)) continue;
      cameFrom.set(step.workflow, at);
      left.push(step.workflow);
    }
  }
  return null;
}

function wayBack(end: string, cameFrom: ReadonlyMap<string, string>): string[] {
  const way: string[] = [];
  for (let at = end; at !== ""; at = cameFrom.get(at) ?? "") way.unshift(at);
  return way;
}
