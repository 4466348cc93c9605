import { compileExpression, compileTemplate, ExpressionError } from "@cohort/proto/expression";
import { nothingKnown, type Types } from "@cohort/proto/expression-types";
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

/** Faults of every expression in a value; of types only where all that it reads is there. */
export function valueProblems(
  value: TemplateValue,
  path: Path,
  source: Source,
  scope: Scope,
  types: Types = nothingKnown,
) {
  try {
    const { references, typeFaults } = compileValue(value);
    const problems = referenceProblems(references, path, source, scope);
    if (problems.length > 0) return problems;
    return typeFaults(types).map((it) =>
      source.problemAt([...path, ...it.path], "EXPRESSION_INVALID", it.message),
    );
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
  types: Types = nothingKnown,
) {
  try {
    const condition = compileExpression(text);
    const problems = referenceProblems(condition.references, path, source, scope, code);
    if (problems.length > 0) return problems;
    const type = condition.type(types);
    if (type !== "bool" && type !== "dyn") {
      const message = `a condition must be true or false; this one is of type ${type}`;
      return [source.problemAt(path, "EXPRESSION_INVALID", message)];
    }
    return [];
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
  types: Types = nothingKnown,
) {
  if (list === undefined) return [];
  const problems = valueProblems(list, path, source, scope, types);
  if (typeof list !== "string" || problems.length > 0) return problems;
  const type = compileTemplate(list).type(types);
  if (type === "dyn" || type.startsWith("list")) return [];
  const message = `a list is expected here, or an expression that gives one; this is of type ${type}`;
  return [source.problemAt(path, "EXPRESSION_INVALID", message)];
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
