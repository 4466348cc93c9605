import { createHash } from "node:crypto";
import type { ResourceChange } from "@cohort/proto/gen/cohort/console";
import type { Resource as StoredResource } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { CohortError, type Problem } from "@cohort/proto/problem";
import type { Phase, Workflow, WorkflowStep } from "@cohort/proto/resources/workflow";
import { type TransformFailure, transform } from "esbuild";
import type { Writer } from "../state/writer.ts";
import type { Path, Source, SourceFile } from "../workflow/source.ts";
import type { Resource } from "../workflow/workflow.ts";
import { changesOf, changeView, changeViewsWithTexts } from "./changes.ts";
import { checkAgainst } from "./check-against.ts";
import { unapprovedProblems } from "./unapproved.ts";

/**
 * Checks all files, then records all that is new or changed in one event, or nothing. With `dryRun`
 * only tells what would change; `withTexts` tells it as definitions too. Throws a CohortError with every problem found.
 */
export async function applySources(
  writer: Writer,
  files: readonly SourceFile[],
  { actor, dryRun, withTexts }: { actor: string; dryRun: boolean; withTexts: boolean },
): Promise<ResourceChange[]> {
  const { resources, problems } = checkAgainst(writer.state.catalogue, files);
  if (problems.length > 0) throw new CohortError(problems);
  const unapproved = unapprovedProblems(resources, writer.state.fleet);
  if (unapproved.length > 0) throw new CohortError(unapproved);
  const stored = await storedResources(resources);
  const changes = await writer.decide((state) => {
    const changes = changesOf(state.catalogue, stored);
    const changed = changes.filter(({ change }) => change !== "unchanged");
    const resources = changed.map(({ after }) => after);
    const event = { $case: "resourcesApplied" as const, value: { actor, resources } };
    return { events: dryRun || resources.length === 0 ? [] : [event], value: changes };
  });
  return withTexts ? changeViewsWithTexts(changes) : changes.map(changeView);
}

async function storedResources(resources: readonly Resource[]): Promise<StoredResource[]> {
  const problems: Problem[] = [];
  const stored: StoredResource[] = [];
  for (const { kind, definition, source } of resources) {
    const complete =
      kind === "workflow" ? await withPlainScripts(definition, source, problems) : definition;
    const definitionJson = canonicalJson(complete);
    const version = createHash("sha256").update(definitionJson).digest("hex");
    stored.push({ kind, name: definition.name, version, definitionJson });
  }
  if (problems.length > 0) throw new CohortError(problems);
  return stored;
}

/** Scripts may be TypeScript; nodes run JavaScript. A syntax error is found here, not on a node. */
async function withPlainScripts(
  workflow: Workflow,
  source: Source,
  problems: Problem[],
): Promise<Workflow> {
  const plain = async (phase: Phase) => {
    const steps = [...workflow[phase]];
    const scripts = steps.flatMap((step, at) =>
      step.script === undefined ? [] : [{ step, script: step.script, at }],
    );
    await Promise.all(
      scripts.map(async ({ step, script, at }) => {
        steps[at] = await withPlainScript(step, script, [phase, at]);
      }),
    );
    return steps;
  };
  const withPlainScript = async (
    step: WorkflowStep,
    script: string,
    place: Path,
  ): Promise<WorkflowStep> => {
    try {
      const { code } = await transform(script, {
        loader: "ts",
        format: "esm",
        target: "es2022",
        logLevel: "silent",
      });
      return { ...step, script: code };
    } catch (error) {
      const [first] = (error as TransformFailure).errors ?? [];
      if (first === undefined) throw error;
      const where = first.location === null ? "" : ` (line ${first.location.line} of the script)`;
      problems.push(source.problemAt([...place, "script"], "SCRIPT_SYNTAX", first.text + where));
      return step;
    }
  };
  return {
    ...workflow,
    steps: await plain("steps"),
    on_failure: await plain("on_failure"),
    finally: await plain("finally"),
  };
}
