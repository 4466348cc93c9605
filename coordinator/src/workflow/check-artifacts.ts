import type { Problem } from "@cohort/proto/problem";
import type { WorkflowStep } from "@cohort/proto/resources/workflow";
import type { Download } from "@cohort/proto/resources/workflow/artifacts";
import { type Scope, valueProblems } from "./check-expressions.ts";
import { isSeveral } from "./compile.ts";
import { suggest } from "./nearest.ts";
import { hasEnded, type StepContext, typesOf } from "./scope.ts";
import type { Path } from "./source.ts";

/** What a schema cannot say of artifacts: names, places, and that what is given is there by then. */
export function artifactProblems(
  context: StepContext,
  step: WorkflowStep,
  place: Path,
  scope: Scope,
): Problem[] {
  if (step.artifacts === undefined) return [];
  const { upload = [], download = [] } = step.artifacts;
  const at = [...place, "artifacts"];
  return [
    ...duplicateProblems(
      context,
      upload.map((it) => it.name),
      [...at, "upload"],
      "name",
    ),
    ...download.flatMap((it, index) =>
      downloadProblems(context, step, it, [...at, "download", index], scope),
    ),
    ...pathProblems(context, download, [...at, "download"]),
  ];
}

function downloadProblems(
  context: StepContext,
  step: WorkflowStep,
  { step: id, name, instance }: Download,
  place: Path,
  scope: Scope,
): Problem[] {
  const { source, stepOf } = context;
  const unknown = (key: string, message: string, hint: string) => [
    source.problemAt([...place, key], "RESOURCE_REFERENCE_UNKNOWN", message, hint),
  ];
  const other = stepOf.get(id);
  if (other === undefined) {
    return unknown("step", `no step is called "${id}"`, suggest(id, [...stepOf.keys()]));
  }
  const names = (other.artifacts?.upload ?? []).map((it) => it.name);
  if (!names.includes(name)) {
    return unknown("name", `step "${id}" uploads no artifact "${name}"`, suggest(name, names));
  }
  if (!hasEnded(context, id, step.id)) {
    const hint = `Add "${id}" to the step's depends.`;
    return unknown("step", `step "${id}" has not ended when "${step.id}" starts`, hint);
  }
  if (instance === undefined) return [];
  if (!isSeveral(other)) {
    const message = `"instance" means nothing here: step "${id}" has one alone`;
    return [source.problemAtKey(place, "instance", "RESOURCE_KEY_UNKNOWN", message)];
  }
  return valueProblems(instance, [...place, "instance"], source, scope, typesOf(context));
}

/** Cohort's own files in /work, and files that would be in each other's way. */
const reserved = ["inputs.json", "with.json", "step.sh", "script.js", "output.json"];

function pathProblems({ source }: StepContext, download: readonly Download[], place: Path) {
  return download.flatMap(({ path }, index) => {
    const problem = (message: string) => [
      source.problemAt([...place, index, "path"], "RESOURCE_INVALID", message),
    ];
    const [first] = path.split("/");
    if (reserved.includes(first as string))
      return problem(`/work/${first} is a file of Cohort's own`);
    const earlier = download.slice(0, index).find((it) => overlaps(it.path, path));
    return earlier === undefined
      ? []
      : problem(`${path} and ${earlier.path} are in each other's way`);
  });
}

function overlaps(a: string, b: string): boolean {
  return a === b || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

function duplicateProblems(
  { source }: StepContext,
  names: readonly string[],
  place: Path,
  key: string,
): Problem[] {
  return names.flatMap((name, index) =>
    names.indexOf(name) === index
      ? []
      : [
          source.problemAt(
            [...place, index, key],
            "RESOURCE_DUPLICATE",
            `two artifacts are called "${name}"`,
          ),
        ],
  );
}
