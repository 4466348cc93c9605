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

describe.each(Object.entries(resourceSchemas))("the schema of %s", (kind, schema) => {
  const keys = keysOf(z.toJSONSchema(schema, { io: "input" }), kind);

  it("describes every key at every depth", () => {
    expect(keys.length).toBeGreaterThan(4);
    const bare = keys.filter(({ description = "" }) => !/^[A-Z`].*\.$/.test(description));
    expect(bare.map(({ path }) => path)).toEqual([]);
  });
});
