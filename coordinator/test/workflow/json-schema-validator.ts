/**
 * JSON Schema 2020-12, as far as our schemas use it, read by the letter of the specification and not
 * by the library that wrote them. A keyword that it does not know is an error, never a pass.
 */
export function fitsJsonSchema(schema: object, value: unknown): boolean {
  const root = schema as Schema;
  const fits = (node: Schema | boolean, it: unknown): boolean => {
    if (typeof node === "boolean") return node;
    return Object.entries(node).every(([keyword, operand]) => {
      if (annotations.has(keyword)) return true;
      const check = keywords[keyword];
      if (check === undefined) throw new Error(`unknown keyword ${keyword}`);
      return check({ operand, node, root, fits }, it);
    });
  };
  return fits(root, value);
}

type Schema = { readonly [keyword: string]: unknown };
type Mapping = Readonly<Record<string, unknown>>;

interface Use {
  // biome-ignore lint/suspicious/noExplicitAny: each keyword has an operand of its own form.
  readonly operand: any;
  readonly node: Schema;
  readonly root: Schema;
  readonly fits: (node: Schema | boolean, it: unknown) => boolean;
}

const annotations = new Set(["$schema", "$defs", "title", "description", "default"]);

const isMapping = (it: unknown): it is Mapping =>
  typeof it === "object" && it !== null && !Array.isArray(it);

const types: Readonly<Record<string, (it: unknown) => boolean>> = {
  object: isMapping,
  array: Array.isArray,
  string: (it) => typeof it === "string",
  number: (it) => typeof it === "number",
  integer: Number.isInteger,
  boolean: (it) => typeof it === "boolean",
  null: (it) => it === null,
};

const keywords: Readonly<Record<string, (use: Use, it: unknown) => boolean>> = {
  type: ({ operand }, it) => types[operand]?.(it) === true,
  const: ({ operand }, it) => it === operand,
  enum: ({ operand }, it) => operand.includes(it),
  pattern: ({ operand }, it) => typeof it !== "string" || new RegExp(operand, "u").test(it),
  minLength: ({ operand }, it) => typeof it !== "string" || it.length >= operand,
  maxLength: ({ operand }, it) => typeof it !== "string" || it.length <= operand,
  minimum: ({ operand }, it) => typeof it !== "number" || it >= operand,
  maximum: ({ operand }, it) => typeof it !== "number" || it <= operand,
  minItems: ({ operand }, it) => !Array.isArray(it) || it.length >= operand,
  maxItems: ({ operand }, it) => !Array.isArray(it) || it.length <= operand,
  items: ({ operand, fits }, it) => !Array.isArray(it) || it.every((item) => fits(operand, item)),
  anyOf: ({ operand, fits }, it) => operand.some((form: Schema) => fits(form, it)),
  oneOf: ({ operand, fits }, it) => operand.filter((form: Schema) => fits(form, it)).length === 1,
  required: ({ operand }, it) =>
    !isMapping(it) || operand.every((key: string) => Object.hasOwn(it, key)),
  properties: ({ operand, fits }, it) =>
    !isMapping(it) ||
    Object.entries(it).every(
      ([key, value]) => !Object.hasOwn(operand, key) || fits(operand[key], value),
    ),
  additionalProperties: ({ operand, node, fits }, it) => {
    if (!isMapping(it)) return true;
    const known = (node["properties"] ?? {}) as Mapping;
    return Object.entries(it).every(
      ([key, value]) => Object.hasOwn(known, key) || fits(operand, value),
    );
  },
  propertyNames: ({ operand, fits }, it) =>
    !isMapping(it) || Object.keys(it).every((key) => fits(operand, key)),
  $ref: ({ operand, root, fits }, it) => {
    const definitions = root["$defs"] as Readonly<Record<string, Schema>>;
    const target = definitions[(operand as string).replace("#/$defs/", "")];
    if (target === undefined) throw new Error(`nothing is called ${operand}`);
    return fits(target, it);
  },
};
