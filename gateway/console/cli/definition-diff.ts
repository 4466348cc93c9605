import type { ResourceChange } from "@cohort/proto/gen/cohort/console";
import { createTwoFilesPatch } from "diff";

/**
 * What changes in a definition, as a unified diff of its YAML; "" where nothing does, and null where
 * there is too much to compare.
 */
export function definitionDiff(change: ResourceChange): string | null {
  if (change.change === "unchanged") return "";
  if (change.textsTooLarge) return null;
  const name = `${change.kind}/${change.name}`;
  const from = change.change === "created" ? "/dev/null" : name;
  const patch = createTwoFilesPatch(from, name, change.before, change.after, "", "", {
    context: 3,
    maxEditLength: editsMax,
  });
  // The first lines are a rule that only other programs look at.
  return patch === undefined ? null : patch.slice(patch.indexOf("---"));
}

/** Lines that go and come; more than this is another definition, and takes long to compare. */
const editsMax = 5_000;
