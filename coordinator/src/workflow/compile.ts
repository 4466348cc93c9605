import { compileExpression, type Template } from "@cohort/proto/expression";
import type { StepKind, Workflow, WorkflowStep } from "@cohort/proto/resources/workflow";
import { kindOf } from "@cohort/proto/resources/workflow";
import { dependentsOf } from "./graph.ts";
import { type CompiledValue, compileValue } from "./template-value.ts";

/** A checked workflow, ready to schedule. */
export interface CompiledWorkflow {
  readonly definition: Workflow;
  readonly steps: ReadonlyMap<string, CompiledStep>;
  /** For each step, those that wait for it. */
  readonly dependents: ReadonlyMap<string, readonly string[]>;
  readonly inputDefaults: ReadonlyMap<string, CompiledValue>;
}

export interface CompiledStep {
  readonly definition: WorkflowStep;
  readonly kind: StepKind;
  readonly environment: CompiledValue;
  readonly with: CompiledValue;
  readonly command: CompiledValue;
  readonly callPath: CompiledValue;
  readonly callJson: CompiledValue | null;
  readonly select: Template | null;
  readonly condition: Template | null;
  /** Other steps that its expressions read; null when that shows only as they are evaluated. */
  readonly reads: readonly string[] | null;
}

/** The definition must have passed `checkWorkflow`; throws otherwise. */
export function compileWorkflow(definition: Workflow): CompiledWorkflow {
  return {
    definition,
    steps: new Map(definition.steps.map((step) => [step.id, compileStep(step)])),
    dependents: dependentsOf(definition.steps),
    inputDefaults: new Map(
      Object.entries(definition.inputs).flatMap(([name, input]) =>
        input.default === undefined ? [] : [[name, compileValue(input.default)] as const],
      ),
    ),
  };
}

function compileStep(step: WorkflowStep): CompiledStep {
  const kind = kindOf(step);
  if (kind === null) throw new Error(`step ${step.id} has not been checked`);
  const select = step.nodes?.select;
  const texts = {
    condition: step.if === undefined ? null : compileExpression(step.if),
    environment: compileValue(step.env),
    with: compileValue(step.with),
    command: compileValue(step.command ?? []),
    callPath: compileValue(step.call?.path ?? ""),
    callJson: step.call?.json === undefined ? null : compileValue(step.call.json),
  };
  return {
    definition: step,
    kind,
    ...texts,
    select: select === undefined ? null : compileExpression(select),
    reads: readsOf(Object.values(texts).flatMap((it) => it?.references ?? [])),
  };
}

function readsOf(references: readonly (readonly string[])[]): string[] | null {
  const steps = references.filter(([root]) => root === "steps");
  if (steps.some(([, id]) => id === undefined)) return null;
  return [...new Set(steps.map(([, id]) => id as string))];
}
