import { refuse } from "@cohort/proto/problem";
import { jsonSchemaOf } from "@cohort/proto/resources/json-schema";
import { isResourceKind, resourceSchemas } from "@cohort/proto/resources/resources";
import type { Session } from "../session.ts";
import { terminalJson } from "../text.ts";

/** Prints the JSON Schema of a kind of resource, or of all, for editors. Throws USAGE. */
export async function schema(session: Session, kind: string | undefined): Promise<number> {
  if (kind !== undefined && !isResourceKind(kind)) {
    throw refuse("USAGE", `unknown kind "${kind}"`, {
      hint: `Name one of ${Object.keys(resourceSchemas).join(", ")}, or none for all of them.`,
    });
  }
  const json = jsonSchemaOf(kind ?? null);
  session.output.result(json, () => terminalJson(json, 2));
  return 0;
}
