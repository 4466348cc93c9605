/** The part of JSON Schema that our schemas use. */
export interface Schema {
  readonly title?: string;
  readonly description?: string;
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly default?: unknown;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, Schema>>;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

/** A mapping with keys of its own, and every place where it may stand. */
export interface Section {
  readonly heading: string;
  readonly schema: Schema;
}

/**
 * The mapping itself first, then those within it, in the order of its keys. One that may stand in
 * several places is one section.
 */
export function sectionsOf(schema: Schema): readonly Section[] {
  const found: Found = new Map();
  collect(withMappings(schema, schema.$defs ?? {}), "", found);
  return [...found.values()].map(({ places, schema }) => ({ heading: places.join(", "), schema }));
}

/** The section of a mapping that a key holds. */
export function sectionOf(schema: Schema, sections: readonly Section[]): Section | undefined {
  return sections.find((it) => identity(it.schema) === identity(schema));
}

/** The forms that a value may have, where it may have several. */
export function formsOf(schema: Schema): readonly Schema[] {
  if (schema.properties !== undefined) return [schema];
  return schema.anyOf ?? schema.oneOf ?? [schema];
}

/** Definitions of mappings in the places that refer to them; other definitions have names of their own. */
function withMappings<Node>(node: Node, definitions: Readonly<Record<string, Schema>>): Node {
  if (node === null || typeof node !== "object") return node;
  if (Array.isArray(node)) return node.map((it) => withMappings(it, definitions)) as Node;
  const { $defs: _, $ref: reference, ...rest } = node as Schema;
  const target = definitions[reference?.split("/").at(-1) ?? ""];
  const whole = target?.properties === undefined ? node : { ...target, ...rest };
  return Object.fromEntries(
    Object.entries(whole).map(([key, inner]) => [key, withMappings(inner, definitions)]),
  ) as Node;
}

type Found = Map<string, { places: string[]; schema: Schema }>;

function collect(schema: Schema, place: string, found: Found): void {
  const forms = formsOf(schema);
  if (forms.length > 1) {
    for (const form of forms) collect(form, `${place}${tagOf(form)}`, found);
    return;
  }
  if (schema.items !== undefined) collect(schema.items, `${place}[]`, found);
  if (typeof schema.additionalProperties === "object") {
    collect(schema.additionalProperties, `${place}.NAME`, found);
  }
  if (schema.properties === undefined) return;
  const known = found.get(identity(schema));
  if (known !== undefined) {
    known.places.push(place);
    return;
  }
  found.set(identity(schema), { places: [place], schema });
  for (const [key, inner] of Object.entries(schema.properties)) {
    collect(inner, place === "" ? key : `${place}.${key}`, found);
  }
}

/** " (type: bearer)" of a form that one key tells from the others. */
function tagOf({ properties = {} }: Schema): string {
  const tag = Object.entries(properties).find(([, it]) => it.const !== undefined);
  return tag === undefined ? "" : ` (${tag[0]}: ${tag[1].const})`;
}

/** Two keys may hold the same mapping and describe it differently. */
function identity({ properties, required }: Schema): string {
  return JSON.stringify([properties, required]);
}
