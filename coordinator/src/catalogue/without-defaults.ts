import { isDeepStrictEqual } from "node:util";
import { jsonSchemaOf } from "@cohort/proto/resources/json-schema";
import type { ResourceKind } from "@cohort/proto/resources/resources";

/** What is written of a resource, without the keys that say what their absence would. */
export function withoutDefaults(kind: ResourceKind, written: unknown): unknown {
  const root = rootOf(kind);
  return prune(root, written, root.$defs ?? {});
}

/** The part of JSON Schema that says what defaults are. */
interface Schema {
  readonly $ref?: string;
  readonly $defs?: Definitions;
  readonly default?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

type Definitions = Readonly<Record<string, Schema>>;

const roots = new Map<ResourceKind, Schema>();

function rootOf(kind: ResourceKind): Schema {
  const known = roots.get(kind);
  if (known !== undefined) return known;
  const made = jsonSchemaOf(kind) as Schema;
  roots.set(kind, made);
  return made;
}

function prune(schema: Schema, value: unknown, definitions: Definitions): unknown {
  const { $ref: reference } = schema;
  if (reference !== undefined) {
    const target = definitions[reference.slice("#/$defs/".length)] ?? {};
    return prune(target, value, definitions);
  }
  if (Array.isArray(value)) {
    const items = formOf(schema, (it) => it.items !== undefined)?.items;
    return items === undefined ? value : value.map((item) => prune(items, item, definitions));
  }
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value);
  const form = formOf(schema, ({ properties }) =>
    properties === undefined ? false : keys.every((key) => Object.hasOwn(properties, key)),
  );
  const others = typeof schema.additionalProperties === "object" ? schema.additionalProperties : {};
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, inner]) => {
      const child = form?.properties?.[key] ?? others;
      const pruned = prune(child, inner, definitions);
      const isDefault =
        child.default !== undefined &&
        isDeepStrictEqual(pruned, prune(child, child.default, definitions));
      return isDefault ? [] : [[key, pruned]];
    }),
  );
}

/** The schema itself, or the first of its forms, that can be of the value. */
function formOf(schema: Schema, fits: (form: Schema) => boolean): Schema | undefined {
  const { anyOf = [], oneOf = [] } = schema;
  return [schema, ...anyOf, ...oneOf].find(fits);
}
