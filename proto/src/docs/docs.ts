import { jsonSchemaOf } from "../resources/json-schema.ts";
import { type ResourceKind, resourceSchemas } from "../resources/resources.ts";
import { cataloguePage } from "./catalogue-page.ts";
import { errorPage } from "./error-page.ts";
import { expressionPage } from "./expression-page.ts";
import { indexPage } from "./index-page.ts";
import { resourcePage } from "./resource-page.ts";

/** A resource of each kind, as YAML; "" where there is none to show. */
export type Examples = (kind: ResourceKind) => string;

/**
 * Documentation and the JSON Schema, made from the schemas and registries that the code itself checks
 * with, so that they cannot say anything else. By path below proto/docs.
 */
export function docPages(examples: Examples): ReadonlyMap<string, string> {
  const kinds = Object.keys(resourceSchemas) as ResourceKind[];
  return new Map([
    ["README.md", indexPage(kinds)],
    ...kinds.map(
      (kind) => [`${kind}.md`, resourcePage(kind, jsonSchemaOf(kind), examples(kind))] as const,
    ),
    ["expressions.md", expressionPage()],
    ["errors.md", errorPage()],
    ["catalogue.md", cataloguePage()],
    ["resource.schema.json", `${JSON.stringify(jsonSchemaOf(null), null, 2)}\n`],
  ]);
}
