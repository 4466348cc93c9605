import { describe, expect, it } from "vitest";
import * as z from "zod";
import { resourceSchemas } from "../../src/resources/resources.ts";

interface Found {
  readonly path: string;
  readonly description: string | undefined;
}

/** Every key of every mapping at every depth, as the schema describes it. */
function keysOf(node: unknown, path: string): Found[] {
  if (node === null || typeof node !== "object") return [];
  const { properties = {}, ...rest } = node as { properties?: Record<string, object> };
  const own = Object.entries(properties).flatMap(([key, inner]) => [
    { path: `${path}.${key}`, description: (inner as z.core.JSONSchema.BaseSchema).description },
    ...keysOf(inner, `${path}.${key}`),
  ]);
  return [...own, ...Object.values(rest).flatMap((inner) => keysOf(inner, path))];
}

/** Every schema within a schema, each once. */
function schemasIn(node: unknown, seen: Set<unknown> = new Set()): z.ZodType[] {
  if (node === null || typeof node !== "object" || seen.has(node)) return [];
  seen.add(node);
  if (!(node instanceof z.ZodType)) {
    return Object.values(node).flatMap((inner) => schemasIn(inner, seen));
  }
  return [node, ...schemasIn(node.def, seen)];
}

describe.each(Object.entries(resourceSchemas))("the schema of %s", (kind, schema) => {
  it("describes every key at every depth", () => {
    const keys = keysOf(z.toJSONSchema(schema, { io: "input" }), kind);
    expect(keys.length).toBeGreaterThan(4);
    const bare = keys.filter(({ description = "" }) => !/^[A-Z`].*\.$/.test(description));
    expect(bare.map(({ path }) => path)).toEqual([]);
  });

  it("gives each default as a person would write it", () => {
    const all = schemasIn(schema);
    expect(all.length).toBeGreaterThan(4);
    const unwritten = all.filter((it) => {
      if (!(it instanceof z.ZodDefault)) return false;
      // What is of another form once read, as a quantity is, has its default in `prefault("10m")`.
      return !("default" in z.toJSONSchema(it, { io: "input", unrepresentable: "any" }));
    });
    expect(unwritten.map((it) => it.description)).toEqual([]);
  });
});
