import * as z from "zod";
import { limits, stepLimitDefaults } from "../../limits.ts";
import { formatDuration } from "../../quantity.ts";
import { duration, environmentName, money, name, template, templateValue } from "../values.ts";
import { approve } from "./approve.ts";
import { artifacts } from "./artifacts.ts";
import { cache } from "./cache.ts";
import { call } from "./call.ts";
import { deviceGrants } from "./device-grants.ts";
import { forEach, instancesAtOnce, matrix } from "./fan-out.ts";
import { nodes, onDisconnect, requires } from "./nodes.ts";
import { outputs } from "./outputs.ts";
import { publish } from "./publish.ts";
import { retry } from "./retry.ts";
import { stepLimits } from "./step-limits.ts";

/** Keys that say what a step does; each step has exactly one of them. */
export const stepKinds = [
  "run",
  "command",
  "script",
  "call",
  "sleep",
  "approve",
  "publish",
  "workflow",
  "agent",
] as const;
export type StepKind = (typeof stepKinds)[number];

/** Those that the coordinator itself carries out; the others need a node. */
export const ownKinds: readonly StepKind[] = ["call", "sleep", "approve", "publish", "workflow"];

const keys = z.strictObject({
  id: name.describe("Name of the step, unique in the workflow; others refer to the step by it."),

  // When it begins
  depends: z
    .union([z.array(name), z.string().min(1).max(limits.expressionBytesMax)])
    .default([])
    .describe(
      "Ids of steps of the same list, all of which must end well, or a condition over how they ended: `a && (b.failed || c.skipped)`. Where that does not come true the step is skipped; left out, it begins at once.",
    ),
  if: template
    .optional()
    .describe(
      "Condition that is evaluated when the step could begin; where it is false, the step is skipped.",
    ),
  priority: z
    .int()
    .min(0)
    .max(limits.priorityMax)
    .default(0)
    .describe(
      "Higher goes first where steps wait for nodes. Waiting raises it, so that nothing starves.",
    ),

  // Where it runs, and how often
  nodes: nodes
    .optional()
    .describe("Which nodes run the step, and how many; left out, any one that fits."),
  requires: requires.prefault({}).describe("What a node must be, beside `nodes.select`."),
  for_each: forEach
    .optional()
    .describe(
      "List, or expression that gives one when the step begins: one instance an item, which its expressions read as `item`.",
    ),
  matrix: matrix
    .optional()
    .describe(
      "Lists by name: one instance a combination of one value of each, which its expressions read as `matrix.NAME`. With `for_each`, each item meets each combination.",
    ),
  max_concurrent: instancesAtOnce
    .optional()
    .describe("Instances of `for_each` or `matrix` that go on at once; left out, all of them."),
  fail_fast: z
    .boolean()
    .optional()
    .describe(
      "Whether the first instance of `for_each` or `matrix` that fails ends the others; left out, it does.",
    ),

  // What it does
  run: z
    .string()
    .min(1)
    .max(limits.scriptBytesMax)
    .optional()
    .describe(
      "Shell script for a node. It holds no expression: values reach it by `env` and `with`.",
    ),
  shell: z
    .enum(["sh", "bash"])
    .optional()
    .describe(
      "Shell of `run`: `sh -e`, or `bash -eo pipefail` without start-up files. Left out, `sh`.",
    ),
  command: z
    .array(template)
    .min(1)
    .max(256)
    .optional()
    .describe(
      "Program with its arguments for a node, run without a shell; each may hold expressions.",
    ),
  script: z
    .string()
    .min(1)
    .max(limits.scriptBytesMax)
    .optional()
    .describe(
      "TypeScript or JavaScript for a node, which needs nothing installed: the default export is a function whose value is the step's output. It holds no expression: values reach it by `with`.",
    ),
  call: call
    .optional()
    .describe("Request to a service, made by the coordinator; its output is `{ status, body }`."),
  sleep: duration
    .optional()
    .describe("Lets this time pass. The coordinator keeps it, so that it outlasts restarts."),
  approve: approve
    .optional()
    .describe(
      "Waits until a person decides. A yes gives the output `{ approved, by, at, comment }`; a no fails the step with APPROVAL_DENIED, which is never retried.",
    ),
  workflow: name
    .optional()
    .describe(
      "Name of a workflow, of whose newest version a run is started, with `with` as its inputs. The step ends as that run does; its output is what the workflow's `outputs` give.",
    ),
  agent: name
    .optional()
    .describe(
      "Name of an `agent`, which is asked `prompt` on a node; the run keeps the version that stood when it started. The step may call the agent's services and no others. Its output is `{ text, json, turns, usage }`, where `json` is the text's value if the text is JSON; with `outputs.types` it is the object that the agent answers. Repeated, it may use tools again.",
    ),
  prompt: template
    .optional()
    .describe("What an `agent` is asked; the values of `with` follow it as JSON."),

  // What it leaves
  outputs: outputs
    .optional()
    .describe(
      "Where the step's output comes from, and what is in it; left out, the file that `$COHORT_OUTPUT` names, if the step left one. What is larger than `limits.output` fails the step with STEP_OUTPUT_TOO_LARGE.",
    ),
  publish: publish
    .optional()
    .describe(
      "Message that a gateway publishes; the step ends when the broker has it. At least once: a repetition has the same message id, in the MQTT 5 user property `message-id`. Its output is `{ topic }`.",
    ),

  artifacts: artifacts
    .optional()
    .describe(
      "Files that the step leaves for later steps and for people, and those that it is given of earlier ones.",
    ),

  cache: cache
    .optional()
    .describe(
      "When the step, instance by instance, is given the output and artifacts of an earlier success instead of running; left out, it always runs. A step whose definition has changed finds nothing.",
    ),

  // What it is given
  with: z
    .record(z.string(), templateValue)
    .default({})
    .describe(
      "Values by name, as JSON: in the file that `$COHORT_WITH` names, and as `with` in a `script`. Of a `workflow` step, the inputs of the run that it starts; of an `agent` step, what the model reads below `prompt`.",
    ),
  env: z
    .record(environmentName, template)
    .default({})
    .describe("Environment variables; a value that is no text is written as JSON."),
  grants: z
    .strictObject({
      services: z
        .array(name)
        .max(limits.grantsMax)
        .default([])
        .describe(
          "Services that the step may call as `$COHORT_PROXY/SERVICE/PATH`; the coordinator adds the credential.",
        ),
      devices: deviceGrants
        .optional()
        .describe(
          "Devices that the step may use, through its node's agent, as `device` in a `script` and at `$COHORT_DEVICES/CLASS/NAME` elsewhere. It runs only on nodes that have them all and were granted them by `cohort node grant`. A text alone, as `iio:accel0`, means to read it; left out, none.",
        ),
    })
    .default({ services: [] })
    .describe("What the step may reach beyond its sandbox; left out, nothing."),
  budget: money
    .optional()
    .describe(
      "Ceiling of what all attempts of this step of one run, with the sub-workflow that it is, may spend on services together; a call that might cost more is refused with BUDGET_EXHAUSTED. Left out, the run's `budget` and the `budget` resources alone bound it.",
    ),
  limits: stepLimits.prefault({}).describe("What one attempt may use of its node."),

  // When it fails or takes long
  timeout: duration
    .prefault(formatDuration(stepLimitDefaults.timeoutMs))
    .describe("Longest time that one attempt may take; then it ends with STEP_TIMEOUT."),
  retry: retry
    .optional()
    .describe("Whether and when a failed instance is tried again; left out, it is not."),
  on_disconnect: onDisconnect
    .default("wait")
    .describe(
      "What becomes of an attempt whose node is away for longer than `lost_after`: `wait` for the node however long it takes, `move` it to another, or `fail`.",
    ),
  lost_after: duration
    .optional()
    .describe(
      "How long a node may be away before `on_disconnect` moves or fails its attempt; left out, 1 minute.",
    ),
  continue_on_failure: z
    .boolean()
    .default(false)
    .describe("Whether a failure of this step fails neither the run nor what depends on the step."),
});

export const step = keys.meta({
  id: "step",
  description: `A step has exactly one of the keys that say what it does: ${stepKinds.map((kind) => `\`${kind}\``).join(", ")}.`,
  oneOf: stepKinds.map((kind) => ({ required: [kind] })),
});

export type WorkflowStep = z.infer<typeof step>;

/** Null when the step has none, or more than one, of the keys that say what it does. */
export function kindOf(it: WorkflowStep): StepKind | null {
  const kinds = stepKinds.filter((kind) => it[kind] !== undefined);
  return kinds.length === 1 ? (kinds[0] as StepKind) : null;
}

/** Whether the step has an instance an item or a combination. */
export function isFannedOut(it: WorkflowStep): boolean {
  return it.for_each !== undefined || it.matrix !== undefined;
}
