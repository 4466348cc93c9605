import type { GraphReply, GraphStep } from "@cohort/proto/gen/cohort/console";
import type { Resource } from "@cohort/proto/gen/cohort/ledger";
import { CohortError, refuse } from "@cohort/proto/problem";
import type { Workflow } from "@cohort/proto/resources/workflow";
import { type CompiledStep, type CompiledWorkflow, compileWorkflow } from "../workflow/compile.ts";
import type { SourceFile } from "../workflow/source.ts";
import { type Catalogue, workflowAt } from "./catalogue.ts";
import { checkAgainst } from "./check-against.ts";
import { versionOf } from "./versions.ts";

/** The graph of a version of a workflow. Throws RESOURCE_UNKNOWN, VERSION_UNKNOWN. */
export function graphOfVersion(catalogue: Catalogue, name: string, beginning: string): GraphReply {
  const { version }: Resource = versionOf(catalogue, "workflow", name, beginning);
  return graphView(workflowAt(catalogue, version), version);
}

/**
 * The graph of a workflow in files, which are checked first; `name` may be "" where there is only
 * one. Throws every problem found, and USAGE.
 */
export function graphOfFiles(
  catalogue: Catalogue,
  files: readonly SourceFile[],
  name: string,
): GraphReply {
  const { resources, problems } = checkAgainst(catalogue, files);
  if (problems.length > 0) throw new CohortError(problems);
  const workflows = resources.flatMap((it) => (it.kind === "workflow" ? [it.definition] : []));
  return graphView(compileWorkflow(chosen(workflows, name)), "");
}

function chosen(workflows: readonly Workflow[], name: string): Workflow {
  const found = name === "" ? workflows : workflows.filter((it) => it.name === name);
  const [only, ...others] = found;
  if (only !== undefined && others.length === 0) return only;
  const names = workflows.map((it) => it.name);
  throw refuse(
    "USAGE",
    `the files hold ${found.length === 0 ? "no such" : "more than one"} workflow`,
    {
      hint: names.length === 0 ? "" : `Name one of ${names.join(", ")}.`,
    },
  );
}

function graphView({ definition, steps }: CompiledWorkflow, version: string): GraphReply {
  return {
    workflow: definition.name,
    version,
    steps: [...steps].map(([id, step]) => stepView(id, step)),
  };
}

function stepView(
  step: string,
  { definition, phase, kind, dependencies }: CompiledStep,
): GraphStep {
  const { depends, if: condition = "" } = definition;
  return {
    step,
    phase,
    kind,
    depends: [...dependencies.steps],
    dependsCondition: typeof depends === "string" ? depends : "",
    condition,
    instances: instancesOf(definition),
  };
}

function instancesOf({ for_each: list, matrix, nodes }: CompiledStep["definition"]): string {
  const parts = [
    ...(list === undefined ? [] : ["for_each"]),
    ...(matrix === undefined ? [] : [`matrix of ${Object.keys(matrix).join(", ")}`]),
    ...(nodes === undefined || nodes.count === 1 ? [] : [`${nodes.count} nodes`]),
  ];
  return parts.join(" and ");
}
