import type { Instance, Run, Step } from "@cohort/proto/gen/cohort/console";

/** What became different from one sight of a run to the next, one line each. Pure. */
export function runChanges(before: Run | null, after: Run): string[] {
  const ofSteps = after.steps.flatMap((step) => {
    const earlier = before?.steps.find((it) => it.step === step.step);
    return [...instanceChanges(earlier, step), ...skipping(earlier, step)];
  });
  if (before?.state === after.state) return ofSteps;
  const ofRun = row("run", after.state, after.reason);
  return after.state === "running" ? [ofRun, ...ofSteps] : [...ofSteps, ofRun];
}

/** "sample[1]" in a fan-out, "weigh" elsewhere. */
export function instanceName(step: Step, { instance }: Instance): string {
  return step.instances.length > 1 ? `${step.step}[${instance}]` : step.step;
}

/** Work of the coordinator itself has no node. */
export function placeOf({ node }: Instance): string {
  return node === "" ? "coordinator" : node;
}

function instanceChanges(earlier: Step | undefined, step: Step): string[] {
  return step.instances.flatMap((instance) => {
    const was = earlier?.instances.find((it) => it.instance === instance.instance);
    if (was?.state === instance.state && was.attempt === instance.attempt) return [];
    const attempt = instance.attempt > 1 ? ` (attempt ${instance.attempt})` : "";
    const fault = instance.code === "" ? "" : `: ${instance.code} ${instance.message}`;
    return [
      row(instanceName(step, instance), instance.state, `${placeOf(instance)}${attempt}${fault}`),
    ];
  });
}

/** A step that ran tells of itself by its instances. */
function skipping(earlier: Step | undefined, step: Step): string[] {
  return step.state === "skipped" && earlier?.state !== "skipped"
    ? [row(step.step, step.state, step.reason)]
    : [];
}

function row(name: string, state: string, rest: string): string {
  return `${name.padEnd(12)} ${state.padEnd(10)} ${rest}`.trimEnd();
}
