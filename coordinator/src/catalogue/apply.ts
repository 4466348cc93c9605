import { createHash } from "node:crypto";
import type { ResourceChange } from "@cohort/proto/gen/cohort/console";
import type { Resource as StoredResource } from "@cohort/proto/gen/cohort/ledger";
import { canonicalJson } from "@cohort/proto/ledger/canonical";
import { CohortError, type Problem } from "@cohort/proto/problem";
import type { Writer } from "../state/writer.ts";
import type { SourceFile } from "../workflow/source.ts";
import type { Resource } from "../workflow/workflow.ts";
import { changesOf, changeView, changeViewsWithTexts } from "./changes.ts";
import { checkAgainst } from "./check-against.ts";
import { budgetChanges } from "./decide-budget.ts";
import { withPlainScripts } from "./plain-scripts.ts";
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
    const events = [event, ...budgetChanges(changes, actor, "")];
    return { events: dryRun || resources.length === 0 ? [] : events, value: changes };
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
