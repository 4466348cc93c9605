import type * as z from "zod";
import type { Path } from "./source.ts";

/** Keys that a schema accepts at a path, for suggestions; [] where it is no object. */
export function keysAt(schema: z.ZodType, path: Path): string[] {
  const [head, ...rest] = path;
  const inner = unwrap(schema);
  if (head === undefined) return inner.def.shape === undefined ? [] : Object.keys(inner.def.shape);
  const next = child(inner, head);
  return next === undefined ? [] : keysAt(next, rest);
}

/** The parts of zod's definition objects that are needed to walk them. */
interface Definition {
  readonly shape?: Record<string, z.ZodType>;
  readonly innerType?: z.ZodType;
  readonly in?: z.ZodType;
  readonly element?: z.ZodType;
  readonly valueType?: z.ZodType;
}

function unwrap(schema: z.ZodType): { def: Definition } {
  const def = schema.def as Definition;
  const inner = def.innerType ?? def.in;
  return inner === undefined ? { def } : unwrap(inner);
}

function child({ def }: { def: Definition }, key: string | number): z.ZodType | undefined {
  if (def.shape !== undefined) return def.shape[String(key)];
  return typeof key === "number" ? def.element : def.valueType;
}
