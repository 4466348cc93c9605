import { compileExpression, compileTemplate, type Template } from "@cohort/proto/expression";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import {
  allSteps,
  isFannedOut,
  kindOf,
  type Phase,
  type StepKind,
  type Workflow,
  type WorkflowStep,
} from "@cohort/proto/resources/workflow";
import type { Download } from "@cohort/proto/resources/workflow/artifacts";
import type { Concurrency } from "@cohort/proto/resources/workflow/concurrency";
import { approvalsBefore } from "./approvals.ts";
import { type Dependencies, parseDependencies } from "./dependencies.ts";
import { type DeviceNeed, deviceNeeds } from "./device-needs.ts";
import { dependentsOf } from "./graph.ts";
import { type Needs, needsOf, nodeClassOf } from "./needs.ts";
import { type CompiledValue, compileValue } from "./template-value.ts";

/** A checked workflow, ready to schedule. */
export interface CompiledWorkflow {
  readonly definition: Workflow;
  readonly steps: ReadonlyMap<string, CompiledStep>;
  /** For each step, those that wait for it. */
  readonly dependents: ReadonlyMap<string, readonly string[]>;
  /** Steps of each phase, in the order in which they are written. */
  readonly phases: Readonly<Record<Phase, readonly string[]>>;
  readonly inputDefaults: ReadonlyMap<string, CompiledValue>;
  /** What a run leaves, and the steps that this reads; null when it leaves nothing. */
  readonly outputs: (Pick<CompiledStep, "reads"> & { readonly value: CompiledValue }) | null;
  readonly concurrency: (Omit<Concurrency, "group"> & { readonly group: CompiledValue }) | null;
  readonly triggers: Readonly<Record<"mqtt" | "webhook", readonly CompiledTrigger[]>>;
}

export interface CompiledTrigger {
  readonly condition: Template | null;
  /** What tells its events apart; null where nothing does. */
  readonly key: Template | null;
}

export interface CompiledStep {
  readonly definition: WorkflowStep;
  readonly phase: Phase;
  readonly dependencies: Dependencies;
  readonly kind: StepKind;
  readonly environment: CompiledValue;
  readonly with: CompiledValue;
  readonly command: CompiledValue;
  readonly callPath: CompiledValue;
  readonly callJson: CompiledValue | null;
  readonly prompt: CompiledValue | null;
  readonly publishTopic: CompiledValue | null;
  readonly publishPayload: CompiledValue | null;
  readonly select: Template | null;
  /** Inputs that the selector reads. */
  readonly selectReads: readonly string[];
  /** Equal for steps that the same nodes may run, but for what the selector reads. */
  readonly nodeClass: string;
  readonly needs: Needs;
  readonly devices: readonly DeviceNeed[];
  /** `approve` steps before it; null where it actuates nothing, and none is needed. */
  readonly approvals: readonly string[] | null;
  readonly condition: Template | null;
  readonly forEach: CompiledValue | null;
  readonly matrix: CompiledValue | null;
  /** Instances that may go on at once. */
  readonly concurrentMax: number;
  /** Instances that may fail before the step does and ends the others. */
  readonly failuresMax: number;
  readonly downloads: readonly CompiledDownload[];
  readonly cache: CompiledCache | null;
  /** Other steps that its expressions read; null when that shows only as they are evaluated. */
  readonly reads: readonly string[] | null;
}

export interface CompiledCache {
  readonly key: CompiledValue;
  readonly ttlMs: number;
  /** The whole step, as canonical JSON: another one finds nothing. */
  readonly definition: string;
}

export interface CompiledDownload {
  readonly definition: Download;
  /** Whether the other step may have more instances than one. */
  readonly several: boolean;
  readonly instance: CompiledValue | null;
}

/** The definition must have passed `checkWorkflow`; throws otherwise. */
export function compileWorkflow(definition: Workflow): CompiledWorkflow {
  const all = allSteps(definition);
  const several = new Set(all.filter(({ step }) => isSeveral(step)).map(({ step }) => step.id));
  const steps = new Map(
    all.map(({ phase, step }) => [step.id, compileStep(step, phase, several)] as const),
  );
  const graph = [...steps].map(([id, { dependencies }]) => ({ id, depends: dependencies.steps }));
  for (const step of steps.values()) addApprovals(steps, step);
  return {
    definition,
    steps,
    dependents: dependentsOf(graph),
    phases: {
      steps: stepsOf(steps, "steps"),
      on_failure: stepsOf(steps, "on_failure"),
      finally: stepsOf(steps, "finally"),
    },
    outputs: compileOutputs(definition),
    concurrency: compileConcurrency(definition),
    triggers: {
      mqtt: definition.on.mqtt.map(compileTrigger),
      webhook: definition.on.webhook.map(compileTrigger),
    },
    inputDefaults: new Map(
      Object.entries(definition.inputs).flatMap(([name, input]) =>
        input.default === undefined ? [] : [[name, compileValue(input.default)] as const],
      ),
    ),
  };
}

function compileTrigger({
  if: condition,
  key,
}: {
  readonly if?: string | undefined;
  readonly key?: string | undefined;
}): CompiledTrigger {
  return {
    condition: condition === undefined ? null : compileExpression(condition),
    key: key === undefined ? null : compileTemplate(key),
  };
}

/** Only then are all steps known. */
function addApprovals(
  steps: ReadonlyMap<string, CompiledStep>,
  step: { -readonly [Key in keyof CompiledStep]: CompiledStep[Key] },
): void {
  if (!step.devices.some(({ actuates }) => actuates)) return;
  const graph = new Map(
    [...steps].map(([id, it]) => [id, { kind: it.kind, depends: it.dependencies.steps }]),
  );
  step.approvals = approvalsBefore(graph, step.definition.id);
}

function compileOutputs({ outputs }: Workflow): CompiledWorkflow["outputs"] {
  if (outputs === undefined) return null;
  const value = compileValue(outputs);
  return { value, reads: readsOf(value.references, "steps") };
}

function compileConcurrency({ concurrency }: Workflow): CompiledWorkflow["concurrency"] {
  if (concurrency === undefined) return null;
  return { ...concurrency, group: compileValue(concurrency.group) };
}

function stepsOf(steps: CompiledWorkflow["steps"], phase: Phase): string[] {
  return [...steps].flatMap(([id, step]) => (step.phase === phase ? [id] : []));
}

/** Whether a step may have more instances than one. */
export function isSeveral(step: WorkflowStep): boolean {
  return isFannedOut(step) || (step.nodes?.count ?? 1) !== 1;
}

function compileCache(step: WorkflowStep): CompiledCache | null {
  if (step.cache === undefined) return null;
  const { key, ttl } = step.cache;
  return { key: compileValue(key), ttlMs: ttl, definition: canonicalJson(step) };
}

function compileDownload(definition: Download, several: ReadonlySet<string>): CompiledDownload {
  const { step, instance } = definition;
  return {
    definition,
    several: several.has(step),
    instance: instance === undefined ? null : compileValue(instance),
  };
}

function compileStep(step: WorkflowStep, phase: Phase, several: ReadonlySet<string>): CompiledStep {
  const kind = kindOf(step);
  if (kind === null) throw new Error(`step ${step.id} has not been checked`);
  const select = step.nodes?.select === undefined ? null : compileExpression(step.nodes.select);
  const asked = step.prompt ?? step.approve?.prompt;
  const texts = {
    condition: step.if === undefined ? null : compileExpression(step.if),
    forEach: step.for_each === undefined ? null : compileValue(step.for_each),
    matrix: step.matrix === undefined ? null : compileValue(step.matrix),
    environment: compileValue(step.env),
    with: compileValue(step.with),
    command: compileValue(step.command ?? []),
    callPath: compileValue(step.call?.path ?? ""),
    publishTopic: step.publish?.topic === undefined ? null : compileValue(step.publish.topic),
    publishPayload: step.publish?.payload === undefined ? null : compileValue(step.publish.payload),
    prompt: asked === undefined ? null : compileValue(asked),
    callJson: step.call?.json === undefined ? null : compileValue(step.call.json),
  };
  const downloads = (step.artifacts?.download ?? []).map((it) => compileDownload(it, several));
  const cache = compileCache(step);
  const others = [cache?.key ?? null, ...downloads.map((it) => it.instance)];
  const references = [...Object.values(texts), ...others].flatMap((it) => it?.references ?? []);
  return {
    definition: step,
    phase,
    dependencies: parseDependencies(step.depends),
    kind,
    ...texts,
    select,
    selectReads: readsOf(select?.references ?? [], "inputs") ?? [],
    nodeClass: nodeClassOf(step),
    needs: needsOf(step),
    devices: deviceNeeds(step),
    approvals: null,
    concurrentMax: step.max_concurrent ?? step.nodes?.max_concurrent ?? Number.POSITIVE_INFINITY,
    failuresMax: failuresMaxOf(step),
    downloads,
    cache,
    reads: readsOf(references, "steps"),
  };
}

function failuresMaxOf(step: WorkflowStep): number {
  if (isFannedOut(step)) return step.fail_fast === false ? Number.POSITIVE_INFINITY : 0;
  return step.nodes?.max_failures ?? Number.POSITIVE_INFINITY;
}

/** What they read of the root, by name; null when that shows only as they are evaluated. */
function readsOf(references: readonly (readonly string[])[], of: string): string[] | null {
  if (references.length === 0) return [];
  const read = references.filter(([root]) => root === of);
  if (read.some(([, name]) => name === undefined)) return null;
  return [...new Set(read.map(([, name]) => name as string))];
}
