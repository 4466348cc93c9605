import * as z from "zod";
import { type ErrorCode, errors } from "../errors.ts";
import { limits, stepLimitDefaults } from "../limits.ts";
import { duration, environmentName, money, name, size, template, templateValue } from "./values.ts";

/** `kind: workflow`: a graph of steps and what starts it. */

const mqttTrigger = z.strictObject({
  topic: z
    .string()
    .min(1)
    .max(512)
    .refine(isTopicFilter, "must be an MQTT topic filter such as factory/+/press/+/vibration"),
  if: template.optional(),
});

const input = z.strictObject({
  type: z.enum(["string", "number", "boolean", "json"]).default("string"),
  description: z.string().max(1000).optional(),
  /** May read `event`; without one, the input must be given. */
  default: templateValue.optional(),
});

/** Which nodes run the step; each chosen node is one instance. */
const nodes = z.strictObject({
  select: z.string().min(1).max(limits.expressionBytesMax).optional(),
  count: z.union([z.literal("all"), z.int().min(1).max(limits.instancesMax)]).default(1),
  /** Nodes that work at once. */
  max_concurrent: z.int().min(1).max(limits.instancesMax).optional(),
  /** How many, or what share of the nodes, must succeed; all when left out. */
  quorum: z
    .union([
      z.int().min(1).max(limits.instancesMax),
      z.string().regex(/^(?:100|[1-9]\d?)%$/, 'must be a share such as "80%"'),
    ])
    .optional(),
  /** One failure more fails the step and ends what still runs of it. */
  max_failures: z.int().min(0).max(limits.instancesMax).optional(),
  /** Label whose values the chosen nodes are to differ in, as far as there are such nodes. */
  spread: z.string().min(1).max(limits.nameLengthMax).optional(),
});

const stepLimits = z.strictObject({
  memory: size.pipe(z.int().min(1024 * 1024)).default(stepLimitDefaults.memoryBytes),
  pids: z.int().min(1).max(4096).default(stepLimitDefaults.pids),
  disk: size.default(stepLimitDefaults.diskBytes),
  output: size.pipe(z.int().max(limits.stepOutputBytesMax)).default(stepLimitDefaults.outputBytes),
  cpu: duration.optional(),
  open_files: z.int().min(8).max(65_536).default(stepLimitDefaults.openFiles),
});

const requires = z.strictObject({
  arch: z.enum(["x86_64", "arm64", "riscv64"]).optional(),
  isolation: z.enum(["standard", "strict"]).optional(),
});

const errorCodes = Object.keys(errors) as [ErrorCode, ...ErrorCode[]];

const retry = z.strictObject({
  /** Attempts after the first. */
  limit: z.int().min(1).max(limits.retriesMax),
  delay: duration.default(0),
  /** Each delay is the one before times this. */
  backoff: z.number().min(1).max(limits.backoffMax).default(1),
  max_delay: duration.optional(),
  /** Error codes and exit statuses after which the step is tried again; any failure when left out. */
  on: z
    .array(z.union([z.enum(errorCodes), z.int().min(1).max(255)]))
    .min(1)
    .optional(),
  /** The next attempt runs on another node, if another fits. */
  move: z.boolean().default(false),
});

/** A list, or an expression that gives one when the step begins. */
const list = z.union([z.array(templateValue).max(limits.instancesMax), template]);

/** A call that the coordinator itself makes, through the vault proxy. */
const call = z.strictObject({
  service: name,
  method: z.enum(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]).default("GET"),
  path: template.refine((text) => text.startsWith("/"), 'must begin with "/"'),
  json: templateValue.optional(),
});

export const stepKinds = ["run", "command", "script", "call", "sleep"] as const;
export type StepKind = (typeof stepKinds)[number];

export const step = z.strictObject({
  id: name,
  /** Ids of steps, all of which must end well; or a condition over how steps ended. */
  depends: z.union([z.array(name), z.string().min(1).max(limits.expressionBytesMax)]).default([]),
  /** Evaluated when the step could begin; where it is false, the step is skipped. */
  if: template.optional(),
  nodes: nodes.optional(),
  /** One instance an item, which its expressions read as `item`. */
  for_each: list.optional(),
  /** One instance a combination, one value of each list, read as `matrix`. */
  matrix: z
    .record(z.string().regex(/^[A-Za-z_]\w*$/, "must be a name such as version"), list)
    .refine((lists) => Object.keys(lists).length > 0, "must name a list")
    .optional(),
  /** Instances of `for_each` or `matrix` that go on at once. */
  max_concurrent: z.int().min(1).max(limits.instancesMax).optional(),
  /** Whether the first instance that fails ends the others; true when left out. */
  fail_fast: z.boolean().optional(),
  run: z.string().min(1).max(limits.scriptBytesMax).optional(),
  shell: z.enum(["sh", "bash"]).optional(),
  command: z.array(template).min(1).max(256).optional(),
  script: z.string().min(1).max(limits.scriptBytesMax).optional(),
  call: call.optional(),
  /** Lets this time pass; the coordinator's own, so that it outlasts restarts. */
  sleep: duration.optional(),
  with: z.record(z.string(), templateValue).default({}),
  env: z.record(environmentName, template).default({}),
  grants: z
    .strictObject({ services: z.array(name).max(limits.grantsMax).default([]) })
    .default({ services: [] }),
  requires: requires.default({}),
  limits: stepLimits.prefault({}),
  timeout: duration.default(stepLimitDefaults.timeoutMs),
  retry: retry.optional(),
  /** Higher goes first where steps wait for nodes; waiting raises it, so that nothing starves. */
  priority: z.int().min(0).max(limits.priorityMax).default(0),
  /** When its node is away for longer than `lost_after`: wait on, run elsewhere, or fail. */
  on_disconnect: z.enum(["wait", "move", "fail"]).default("wait"),
  lost_after: duration.optional(),
  /** A failure of this step fails neither the run nor what depends on the step. */
  continue_on_failure: z.boolean().default(false),
});

const stepList = z.array(step).max(limits.stepsMax);

export const workflow = z.strictObject({
  kind: z.literal("workflow"),
  name,
  description: z.string().max(1000).optional(),
  on: z.strictObject({ mqtt: z.array(mqttTrigger).max(100).default([]) }).default({ mqtt: [] }),
  inputs: z.record(z.string().regex(/^[A-Za-z_]\w*$/), input).default({}),
  timeout: duration.optional(),
  /** Ceiling of what one run may spend. */
  budget: money.optional(),
  steps: stepList.min(1),
  /** After all of `steps`, when the run has failed. */
  on_failure: stepList.default([]),
  /** After everything else, whatever happened. */
  finally: stepList.default([]),
});

export type Workflow = z.infer<typeof workflow>;
export type WorkflowStep = z.infer<typeof step>;

/** A run's parts in order: one begins when all steps of the one before have ended. */
export const phases = ["steps", "on_failure", "finally"] as const;
export type Phase = (typeof phases)[number];

/** Every step of a workflow with its place in the definition. */
export function allSteps(
  workflow: Pick<Workflow, Phase>,
): { readonly phase: Phase; readonly at: number; readonly step: WorkflowStep }[] {
  return phases.flatMap((phase) => workflow[phase].map((it, at) => ({ phase, at, step: it })));
}

/** Null when the step has none, or more than one, of the keys that say what it does. */
export function kindOf(it: WorkflowStep): StepKind | null {
  const kinds = stepKinds.filter((kind) => it[kind] !== undefined);
  return kinds.length === 1 ? (kinds[0] as StepKind) : null;
}

/** Whether the step has an instance an item or a combination. */
export function isFannedOut(it: WorkflowStep): boolean {
  return it.for_each !== undefined || it.matrix !== undefined;
}

/** MQTT 5, section 4.7: "#" last and alone in its level, "+" alone in its level. */
function isTopicFilter(text: string): boolean {
  const levels = text.split("/");
  return levels.every((level, at) => {
    if (level === "#") return at === levels.length - 1;
    return level === "+" || !/[+#\0]/.test(level);
  });
}
