import type { Variables } from "@cohort/proto/expression";
import type { FleetNode } from "../fleet/fleet.ts";
import type { CompiledStep } from "../workflow/compile.ts";
import { nodeVariables } from "./placement.ts";
import type { Instance, Run, Step } from "./runs.ts";

/**
 * What a step's expressions may read of its run. Of the other steps only those that the step names,
 * so that the cost does not grow with the workflow.
 */
export function runVariables(run: Run, { reads }: Pick<CompiledStep, "reads">): Variables {
  const steps = reads === null ? [...run.steps.keys()] : reads;
  return {
    inputs: run.inputs,
    event: run.event,
    steps: Object.fromEntries(steps.map((id) => [id, stepVariables(run.steps.get(id) as Step)])),
    run: {
      id: run.run,
      workflow: run.workflow,
      started_ms: run.startedMs,
      failed: run.failure !== "" || run.stopOutcome === "failed",
    },
  };
}

/** The same and what is its own of one attempt; `node` is null for the coordinator's own work. */
export function attemptVariables(
  run: Run,
  step: CompiledStep,
  instance: Instance,
  node: FleetNode | null,
): Variables {
  return {
    ...runVariables(run, step),
    node: node === null ? {} : nodeVariables(node),
    instance: instance.instance,
    ...instance.variables,
  };
}

function stepVariables(step: Step) {
  const outputs = step.instances.map(outputOf);
  return { output: outputs[0] ?? null, outputs, outcome: step.state };
}

function outputOf({ result }: Instance): unknown {
  if (result === null || result.outputJson === "") return null;
  const known = parsed.get(result);
  if (known !== undefined) return known;
  const output = JSON.parse(result.outputJson) as unknown;
  parsed.set(result, output);
  return output;
}

/** Many steps may read one output; it is parsed once. */
const parsed = new WeakMap<object, unknown>();
