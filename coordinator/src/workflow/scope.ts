import type { KnownType, Types } from "@cohort/proto/expression-types";
import { membersOf, readable } from "@cohort/proto/expression-variables";
import {
  type Phase,
  phases,
  type Workflow,
  type WorkflowStep,
} from "@cohort/proto/resources/workflow";
import { nameFault, rootFault, type Scope } from "./check-expressions.ts";
import { endsBefore, type GraphStep } from "./graph.ts";
import type { Source } from "./source.ts";

/** What the check of a step looks at beside the step. */
export interface StepContext {
  readonly workflow: Workflow;
  readonly graph: ReadonlyMap<string, GraphStep>;
  readonly phaseOf: ReadonlyMap<string, Phase>;
  readonly stepOf: ReadonlyMap<string, WorkflowStep>;
  readonly source: Source;
}

/** What can be read of an instance that has its node. */
export function instanceRoots(step: WorkflowStep): string[] {
  return readable.instance.filter((root) => {
    if (root === "item") return step.for_each !== undefined;
    return root !== "matrix" || step.matrix !== undefined;
  });
}

/** What the expressions of a step may read. */
export function scopeOf(context: StepContext, step: WorkflowStep, roots: readonly string[]): Scope {
  const inputs = Object.keys(context.workflow.inputs);
  return ([root, member, property, field]) => {
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
      if (property === undefined) return null;
      const message = `a step has no property "${property}"`;
      return nameFault(property, membersOf("steps"), message) ?? fieldFault(context, member, field);
    }
    return rootFault(root as string, roots);
  };
}

/** What is known of the values that a workflow's expressions read. */
export function typesOf({ workflow, stepOf }: StepContext): Types {
  return ([root, member, property, field, ...deeper]) => {
    if (root === "inputs" && member !== undefined && property === undefined) {
      return knownType(workflow.inputs[member]?.type);
    }
    if (root === "run" && member !== undefined && property === undefined) {
      return runTypes[member] ?? null;
    }
    if (root !== "steps" || member === undefined || deeper.length > 0) return null;
    if (property === "outcome" && field === undefined) return "string";
    if (property !== "output" || field === undefined) return null;
    return knownType(fieldsOf(stepOf.get(member))?.[field]);
  };
}

export function inputFault(name: string, inputs: readonly string[]) {
  return nameFault(name, inputs, `no input is called "${name}"`);
}

const runTypes: Readonly<Record<string, KnownType>> = {
  id: "string",
  workflow: "string",
  started_ms: "number",
  failed: "bool",
};

type DeclaredType = "string" | "number" | "boolean" | "json";

function knownType(type: DeclaredType | undefined): KnownType | null {
  if (type === undefined || type === "json") return null;
  return type === "boolean" ? "bool" : type;
}

/** Whether one step has ended for certain when another starts. */
export function hasEnded({ graph, phaseOf }: StepContext, earlier: string, later: string): boolean {
  const [first, second] = [phaseOf.get(earlier), phaseOf.get(later)];
  if (first === undefined || second === undefined) return false;
  return phases.indexOf(first) < phases.indexOf(second) || endsBefore(graph, earlier, later);
}

/** The fault of a field that the output of a step has not; `outputs` is a list of such. */
function fieldFault({ stepOf }: StepContext, id: string, field: string | undefined) {
  const fields = fieldsOf(stepOf.get(id));
  if (field === undefined || fields === undefined) return null;
  const message = `the output of step "${id}" has no field "${field}"`;
  return nameFault(field, Object.keys(fields), message);
}

/** Fields of a step's output with their types; undefined where they are not known. */
function fieldsOf(
  step: WorkflowStep | undefined,
): Readonly<Record<string, DeclaredType>> | undefined {
  if (step?.call !== undefined) return callFields;
  if (step?.agent !== undefined) return step.outputs?.types ?? agentFields;
  return step?.outputs?.types;
}

const callFields = { status: "number", body: "json" } as const;
const agentFields = { text: "string", json: "json", turns: "number", usage: "json" } as const;
