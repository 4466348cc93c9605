import type { ResourceChange } from "@cohort/proto/gen/cohort/console";
import type { Resource as StoredResource } from "@cohort/proto/gen/cohort/ledger";
import { CohortError } from "@cohort/proto/problem";
import type { Writer } from "../state/writer.ts";
import type { Catalogue } from "./catalogue.ts";
import { changesOf, changeViewsWithTexts } from "./changes.ts";
import { checkAgainst } from "./check-against.ts";
import { budgetChanges } from "./decide-budget.ts";
import { definitionText } from "./definition-text.ts";
import { shortVersion, versionBefore, versionOf } from "./versions.ts";

export interface RollbackRequest {
  readonly kind: string;
  readonly name: string;
  /** Or as much of its beginning as tells it apart; "" for the one before the newest. */
  readonly version: string;
}

/**
 * Applies an earlier version again, which makes it the newest. It is checked as if it were written
 * today: what it names may be gone. Throws RESOURCE_UNKNOWN, VERSION_UNKNOWN, or every problem.
 */
export async function rollBack(
  writer: Writer,
  { kind, name, version }: RollbackRequest,
  actor: string,
): Promise<ResourceChange> {
  const { catalogue } = writer.state;
  const earlier =
    version === ""
      ? versionBefore(catalogue, kind, name)
      : versionOf(catalogue, kind, name, version);
  checkAgain(catalogue, earlier);
  const changes = await writer.decide((state) => {
    const changes = changesOf(state.catalogue, [earlier]);
    const changed = changes.filter(({ change }) => change !== "unchanged");
    const resources = changed.map(({ after }) => after);
    const event = { $case: "resourcesApplied" as const, value: { actor, resources } };
    const events = [event, ...budgetChanges(changes, actor, "")];
    return { events: resources.length === 0 ? [] : events, value: changes };
  });
  return changeViewsWithTexts(changes)[0] as ResourceChange;
}

function checkAgain(catalogue: Catalogue, earlier: StoredResource): void {
  const path = `${earlier.kind}-${earlier.name}-${shortVersion(earlier.version)}.yaml`;
  const { problems } = checkAgainst(catalogue, [{ path, text: definitionText(earlier) }]);
  if (problems.length > 0) throw new CohortError(problems);
}
