import type { Instance, Run } from "@cohort/proto/gen/cohort/console";
import type { TestMesh } from "./mesh.ts";

/** A run of steps that a test wrote, when it has ended. */
export interface StepRun {
  readonly run: Run;
  /** What the step's first instance left; null when nothing. */
  output(step: string): unknown;
  instance(step: string): Instance;
  /** What the step's latest attempt wrote. */
  log(step: string): Promise<string>;
}

let count = 0;

/** Applies the steps, YAML of a list, as a workflow of their own; gives its name. */
export async function applySteps(mesh: TestMesh, steps: string, head = ""): Promise<string> {
  const name = `test-${++count}`;
  const text = `kind: workflow\nname: ${name}\n${head}\nsteps:\n${steps}`;
  await mesh.apply([{ path: `${name}.yaml`, text }]);
  return name;
}

/** Applies and runs the steps. */
export async function runSteps(
  mesh: TestMesh,
  steps: string,
  head = "",
  inputs: Record<string, unknown> = {},
): Promise<StepRun> {
  const name = await applySteps(mesh, steps, head);
  return stepRunOf(mesh, await mesh.ended(await mesh.run(name, inputs)));
}

export function stepRunOf(mesh: TestMesh, run: Run): StepRun {
  const instance = (step: string) => {
    const found = run.steps.find((it) => it.step === step)?.instances[0];
    if (found === undefined) throw new Error(`step ${step} has no instance: ${run.reason}`);
    return found;
  };
  return {
    run,
    instance,
    output(step) {
      const { outputJson } = instance(step);
      return outputJson === "" ? null : (JSON.parse(outputJson) as unknown);
    },
    async log(step) {
      const { runs } = mesh.client;
      const chunks: Uint8Array[] = [];
      const request = { run: run.run, step, follow: false, after: 0 };
      for await (const { attempt, data } of mesh.client.stream(runs, runs.logs, request)) {
        if (attempt?.attempt === instance(step).attempt) chunks.push(data);
      }
      return Buffer.concat(chunks).toString();
    },
  };
}
