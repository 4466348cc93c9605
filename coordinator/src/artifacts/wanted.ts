import type { Variables } from "@cohort/proto/expression";
import type { ArtifactDownload } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import type { Run } from "../scheduler/runs.ts";
import type { CompiledDownload, CompiledStep } from "../workflow/compile.ts";
import { type Artifact, type ArtifactState, findArtifact } from "./artifacts.ts";

/**
 * The files that an attempt is to be given. Throws ARTIFACT_UNKNOWN, ARTIFACT_TOO_LARGE,
 * LIMIT_EXCEEDED, and ExpressionError where an instance cannot be told.
 */
export function downloadsFor(
  state: ArtifactState,
  run: Run,
  step: CompiledStep,
  variables: Variables,
): ArtifactDownload[] {
  const files = step.downloads.flatMap((it) => filesOf(state, run, it, variables));
  if (files.length > limits.artifactFilesMax) {
    const most = limits.artifactFilesMax;
    throw refuse(
      "LIMIT_EXCEEDED",
      `the step would be given ${files.length} files; ${most} are allowed`,
    );
  }
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const { disk } = step.definition.limits;
  if (bytes <= disk) return files;
  throw refuse("ARTIFACT_TOO_LARGE", `the artifacts have ${bytes} bytes, limits.disk is ${disk}`, {
    hint: "Raise the step's limits.disk.",
  });
}

function filesOf(
  state: ArtifactState,
  run: Run,
  { definition, several, instance }: CompiledDownload,
  variables: Variables,
): ArtifactDownload[] {
  const { step, name, path } = definition;
  const found = (index: number) => findArtifact(state, run.run, { step, instance: index, name });
  if (instance === null && several) {
    const count = run.steps.get(step)?.instances.length ?? 0;
    return Array.from({ length: count }, (_, index) => found(index))
      .filter((it) => it !== null)
      .map((it) => fileOf(it, `${path}/${it.instance}`));
  }
  const index = instance === null ? 0 : instance.evaluate(variables);
  const artifact = typeof index === "number" ? found(index) : null;
  if (artifact !== null) return [fileOf(artifact, path)];
  const which = several ? ` of instance ${JSON.stringify(index)}` : "";
  throw refuse("ARTIFACT_UNKNOWN", `step ${step} left no artifact ${name}${which}`);
}

function fileOf({ sha256, size }: Artifact, path: string): ArtifactDownload {
  return { sha256: new Uint8Array(Buffer.from(sha256, "hex")), size, path };
}
