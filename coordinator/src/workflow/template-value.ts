import { compileTemplate, ExpressionError, type Variables } from "@cohort/proto/expression";
import type { TemplateValue } from "@cohort/proto/resources/values";
import type { Path } from "./source.ts";

/** A JSON value with `${{ }}` in its texts, ready to evaluate. */
export interface CompiledValue {
  evaluate(variables: Variables): unknown;
  readonly references: readonly (readonly string[])[];
}

/** Throws TemplateError, which says where in the value the faulty text stands. */
export function compileValue(value: TemplateValue, path: Path = []): CompiledValue {
  if (typeof value === "string") return compileText(value, path);
  if (Array.isArray(value)) {
    const items = value.map((item, at) => compileValue(item, [...path, at]));
    return {
      evaluate: (variables) => items.map((item) => item.evaluate(variables)),
      references: items.flatMap((item) => item.references),
    };
  }
  if (value !== null && typeof value === "object") {
    const entries = Object.entries(value).map(
      ([key, item]) => [key, compileValue(item, [...path, key])] as const,
    );
    return {
      evaluate: (variables) =>
        Object.fromEntries(entries.map(([key, item]) => [key, item.evaluate(variables)])),
      references: entries.flatMap(([, item]) => item.references),
    };
  }
  return { evaluate: () => value, references: [] };
}

export class TemplateError extends Error {
  constructor(
    readonly path: Path,
    cause: ExpressionError,
  ) {
    super(cause.message, { cause });
    this.name = "TemplateError";
  }
}

function compileText(text: string, path: Path): CompiledValue {
  try {
    return compileTemplate(text);
  } catch (error) {
    if (error instanceof ExpressionError) throw new TemplateError(path, error);
    throw error;
  }
}
