import * as z from "zod";
import { type ResourceKind, resourceSchemas } from "./resources.ts";

export type JsonSchema = z.core.JSONSchema.JSONSchema;

/**
 * JSON Schema (draft 2020-12) of what a person writes: of one kind, or of whichever `kind:` names.
 * It says what editors can check while one types; references, expressions and the graph are checked
 * by `cohort apply` alone.
 */
export function jsonSchemaOf(kind: ResourceKind | null): JsonSchema {
  const schema = kind === null ? anyResource() : resourceSchemas[kind];
  const title = kind === null ? "A Cohort resource" : `A Cohort ${kind}`;
  const override = ({ jsonSchema }: { jsonSchema: z.core.JSONSchema.BaseSchema }) => {
    if (jsonSchema.properties?.["extends"] !== undefined) relax(jsonSchema);
  };
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: "input", override });
  return { ...($schema === undefined ? {} : { $schema }), title, ...rest };
}

/** Whatever extends something takes from there what it does not give itself. */
function relax(schema: z.core.JSONSchema.BaseSchema): void {
  const { required = [] } = schema;
  schema.required = ["kind"];
  schema.anyOf = [{ required }, { required: ["extends"] }];
}

function anyResource() {
  const [first, ...others] = Object.values(resourceSchemas);
  return z.discriminatedUnion("kind", [first as (typeof resourceSchemas)["workflow"], ...others]);
}
