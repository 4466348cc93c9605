import { compileExpression, compileTemplate, ExpressionError } from "@cohort/proto/expression";
import type { TemplateValue } from "@cohort/proto/resources/values";
import { suggest } from "./nearest.ts";
import type { Path, Source } from "./source.ts";
import { compileValue, TemplateError } from "./template-value.ts";

/** What an expression may read, and the explanation of what it may not. */
export type Scope = (reference: readonly string[]) => Fault | null;

interface Fault {
  readonly message: string;
  readonly hint: string;
}

/** Faults of every expression in a value. */
export function valueProblems(value: TemplateValue, path: Path, source: Source, scope: Scope) {
  try {
    return referenceProblems(compileValue(value).references, path, source, scope);
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return [source.problemAt([...path, ...error.path], "EXPRESSION_INVALID", error.message)];
  }
}

/** Faults of a text that is one expression, bare or in `${{ }}`, and true or false. */
export function conditionProblems(
  text: string,
  path: Path,
  source: Source,
  scope: Scope,
  code: "SELECTOR_UNKNOWN" | "EXPRESSION_INVALID" = "EXPRESSION_INVALID",
) {
  try {
    const condition = compileExpression(text);
    const type = condition.type();
    if (type !== "bool" && type !== "dyn") {
      const message = `a condition must be true or false; this one is of type ${type}`;
      return [source.problemAt(path, "EXPRESSION_INVALID", message)];
    }
    return referenceProblems(condition.references, path, source, scope, code);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return [source.problemAt(path, "EXPRESSION_INVALID", error.message)];
  }
}

/** Faults of a list, written out or as one expression that gives it. */
export function listProblems(
  list: TemplateValue | undefined,
  path: Path,
  source: Source,
  scope: Scope,
) {
  const problems = valueProblems(list ?? null, path, source, scope);
  if (typeof list !== "string" || problems.length > 0) return problems;
  const type = typeOf(list);
  if (type === "dyn" || type.startsWith("list")) return [];
  const message = `a list is expected here, or an expression that gives one; this is of type ${type}`;
  return [source.problemAt(path, "EXPRESSION_INVALID", message)];
}

function typeOf(text: string): string {
  try {
    return compileTemplate(text).type();
  } catch (error) {
    if (error instanceof ExpressionError) return error.message;
    throw error;
  }
}

/** The fault of a name that is none of `valid`; `what` as "input" or "step". */
export function nameFault(name: string, valid: readonly string[], message: string): Fault | null {
  return valid.includes(name) ? null : { message, hint: suggest(name, valid) };
}

export function rootFault(root: string, roots: readonly string[]): Fault | null {
  return nameFault(root, roots, `unknown name "${root}"`);
}

function referenceProblems(
  references: readonly (readonly string[])[],
  path: Path,
  source: Source,
  scope: Scope,
  code: "SELECTOR_UNKNOWN" | "EXPRESSION_INVALID" = "EXPRESSION_INVALID",
) {
  return references.flatMap((reference) => {
    const fault = scope(reference);
    return fault === null ? [] : [source.problemAt(path, code, fault.message, fault.hint)];
  });
}
