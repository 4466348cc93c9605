import * as z from "zod";
import { limits } from "../limits.ts";
import { duration, money, name, templateValue } from "./values.ts";
import { concurrency } from "./workflow/concurrency.ts";
import { input, inputName } from "./workflow/input.ts";
import { step, type WorkflowStep } from "./workflow/step.ts";
import { triggers } from "./workflow/trigger.ts";

export {
  isFannedOut,
  kindOf,
  ownKinds,
  type StepKind,
  step,
  stepKinds,
  type WorkflowStep,
} from "./workflow/step.ts";

const stepList = z.array(step).max(limits.stepsMax);

export const workflow = z
  .strictObject({
    kind: z.literal("workflow").describe("The kind of resource: `workflow`."),
    name: name.describe(
      "Name of the workflow; to apply another of this name is to change this one.",
    ),
    description: z.string().max(1000).optional().describe("What the workflow is for, for people."),
    on: triggers
      .prefault({})
      .describe("What starts a run; left out, only a person or a program does."),
    inputs: z
      .record(inputName, input)
      .default({})
      .describe(
        "What a run is given when it starts, by name; expressions read it as `inputs.NAME`.",
      ),
    timeout: duration
      .optional()
      .describe(
        "Longest time that a run may take; then it fails with RUN_TIMEOUT, and `on_failure` and `finally` follow. Left out, there is no bound.",
      ),
    outputs: z
      .record(inputName, templateValue)
      .optional()
      .describe(
        "What a run that has succeeded leaves, by name: evaluated at its end, over `inputs`, `event`, `steps` and `run`. A step that runs the workflow has it as its output.",
      ),
    concurrency: concurrency
      .optional()
      .describe(
        "How many runs may go on at once; left out, any number. `timeout` counts from when the run has its place.",
      ),
    budget: money
      .optional()
      .describe(
        "Ceiling of what one run, with the sub-workflows within it, may spend on services. Left out, only the `budget` resources bound it.",
      ),
    share: z
      .int()
      .min(1)
      .max(limits.shareMax)
      .default(1)
      .describe(
        "Share of the nodes that the workflow has while others wait for the same nodes at the same priority: one of share 3 has three times the time of one of share 1, however much each has waiting.",
      ),
    steps: stepList.min(1).describe("What a run does, in the order that `depends` asks for."),
    on_failure: stepList
      .prefault([])
      .describe("Steps that follow after all of `steps` when the run has failed."),
    finally: stepList
      .prefault([])
      .describe("Steps that follow after everything else, whatever happened."),
  })
  .describe("A graph of steps, and what starts a run of it.");

export type Workflow = z.infer<typeof workflow>;

/** A run's parts in order: one begins when all steps of the one before have ended. */
export const phases = ["steps", "on_failure", "finally"] as const;
export type Phase = (typeof phases)[number];

/** Every step of a workflow with its place in the definition. */
export function allSteps(
  workflow: Pick<Workflow, Phase>,
): { readonly phase: Phase; readonly at: number; readonly step: WorkflowStep }[] {
  return phases.flatMap((phase) => workflow[phase].map((it, at) => ({ phase, at, step: it })));
}
