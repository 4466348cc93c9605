import type { Resource } from "@cohort/proto/gen/cohort/ledger";
import { type ResourceKind, resourceSchemas } from "@cohort/proto/resources/resources";
import { stringify } from "yaml";
import * as z from "zod";
import { withoutDefaults } from "./without-defaults.ts";

/**
 * A stored definition as a person would write it: quantities in their units, nothing that is the
 * default anyway, keys in the order of the documentation. Two definitions of the same text have the
 * same version.
 */
export function definitionText({ kind, definitionJson }: Resource): string {
  const definition: unknown = JSON.parse(definitionJson);
  const schema = resourceSchemas[kind as ResourceKind] as z.ZodType;
  // One that an earlier release stored may lack keys of today; it is shown as it stands.
  const encoded = z.safeEncode(schema, definition);
  const written = encoded.success ? encoded.data : definition;
  return stringify(withoutDefaults(kind as ResourceKind, written), {
    version: "1.2",
    schema: "core",
    lineWidth: 0,
    aliasDuplicateObjects: false,
  });
}
