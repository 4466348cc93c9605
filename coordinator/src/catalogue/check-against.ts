import type { SourceFile } from "../workflow/source.ts";
import { type Checked, checkSources } from "../workflow/workflow.ts";
import { type Catalogue, definitionOf, hasResource, lookalike } from "./catalogue.ts";

/** Checks files as they would stand beside what has been applied. */
export function checkAgainst(catalogue: Catalogue, files: readonly SourceFile[]): Checked {
  return checkSources(
    files,
    (kind, name) => hasResource(catalogue, kind, name),
    (name) => definitionOf(catalogue, "workflow", name),
    (kind, name) => lookalike(catalogue, kind, name),
  );
}
