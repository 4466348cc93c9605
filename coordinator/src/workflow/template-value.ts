import {
  compileTemplate,
  ExpressionError,
  hasExpression,
  type Template,
  type Variables,
} from "@cohort/proto/expression";
import type { Types } from "@cohort/proto/expression-types";
import type { TemplateValue } from "@cohort/proto/resources/values";
import type { Path } from "./source.ts";

/** A JSON value with `${{ }}` in its texts, ready to evaluate. */
export interface CompiledValue {
  evaluate(variables: Variables): unknown;
  readonly references: readonly (readonly string[])[];
  /** Texts whose operands cannot fit what is known of the variables. */
  typeFaults(types: Types): readonly TemplateError[];
}

/** Throws TemplateError, which says where in the value the faulty text stands. */
export function compileValue(value: TemplateValue): CompiledValue {
  return compilePart(value, []);
}

function compilePart(value: TemplateValue, path: Path): CompiledValue {
  if (typeof value === "string" && hasExpression(value)) return compileText(value, path);
  if (value === null || typeof value !== "object" || Object.keys(value).length === 0) {
    return constant(value);
  }
  if (Array.isArray(value)) {
    const items = value.map((item, at) => compilePart(item, [...path, at]));
    return {
      evaluate: (variables) => items.map((item) => item.evaluate(variables)),
      references: items.flatMap((item) => item.references),
      typeFaults: (types) => items.flatMap((item) => item.typeFaults(types)),
    };
  }
  const entries = Object.entries(value).map(
    ([key, item]) => [key, compilePart(item, [...path, key])] as const,
  );
  return {
    evaluate: (variables) =>
      Object.fromEntries(entries.map(([key, item]) => [key, item.evaluate(variables)])),
    references: entries.flatMap(([, item]) => item.references),
    typeFaults: (types) => entries.flatMap(([, item]) => item.typeFaults(types)),
  };
}

/** Most values of most steps are left out, or texts without expression. */
function constant(value: TemplateValue): CompiledValue {
  return { evaluate: () => value, references: [], typeFaults: noFaults };
}

const noFaults = () => [];

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
    const template = compileTemplate(text);
    return {
      evaluate: template.evaluate,
      references: template.references,
      typeFaults: (types) => typeFaultsOf(template, types, path),
    };
  } catch (error) {
    if (error instanceof ExpressionError) throw new TemplateError(path, error);
    throw error;
  }
}

function typeFaultsOf(template: Template, types: Types, path: Path): TemplateError[] {
  try {
    template.type(types);
    return [];
  } catch (error) {
    if (error instanceof ExpressionError) return [new TemplateError(path, error)];
    throw error;
  }
}
