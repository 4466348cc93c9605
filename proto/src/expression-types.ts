import type { ASTNode, Environment, TypeCheckResult } from "@marcbachmann/cel-js";
import { prefixOf, readsOf } from "./references.ts";

/** What is known of a value before there is one; all else is "dyn". */
export type KnownType = "string" | "number" | "bool";

/** Type of what a path such as ["inputs", "press"] reads; null where it is not known. */
export type Types = (path: readonly string[]) => KnownType | null;

export const nothingKnown: Types = () => null;

/** A checker that knows the variables which `withKnownTypes` puts in place of reads. */
export function typedEnvironment(environment: Environment): Environment {
  const typed = environment.clone();
  const declared = [...Object.values(asDouble), asInteger.number];
  for (const { name, type } of declared) typed.registerVariable(name, type);
  return typed;
}

/**
 * Whether the operands of an expression fit what is known; without evaluating it. A number may stand
 * beside integer literals and beside others, so it fits if it does as either.
 */
export function checkTypes(
  { ast, check }: { readonly ast: ASTNode; check(): TypeCheckResult },
  source: string,
  types: Types,
  typed: Environment,
): TypeCheckResult {
  const text = withKnownTypes(ast, source, types, asDouble);
  if (text === source) return check();
  const result = typed.check(text);
  if (result.valid) return result;
  const integer = typed.check(withKnownTypes(ast, source, types, asInteger));
  return integer.valid ? integer : result;
}

type Stand = Readonly<Record<KnownType, { readonly name: string; readonly type: string }>>;

const asDouble: Stand = {
  string: { name: "cohort_string", type: "string" },
  number: { name: "cohort_double", type: "double" },
  bool: { name: "cohort_bool", type: "bool" },
};
const asInteger: Stand = { ...asDouble, number: { name: "cohort_integer", type: "int" } };

/**
 * The source with a variable of its type in place of each read whose type is known. Records (`inputs`,
 * `steps`) stay untyped, as the checker would refuse of a typed one what evaluation allows.
 */
function withKnownTypes(ast: ASTNode, source: string, types: Types, stand: Stand): string {
  const replaced = readsOf(ast).flatMap((read) => {
    if (read.tentative) return [];
    for (let length = 1; length <= read.path.length; length++) {
      const type = types(read.path.slice(0, length));
      if (type !== null) return [{ ...prefixOf(read, length).range, text: stand[type].name }];
    }
    return [];
  });
  replaced.sort((a, b) => b.start - a.start);
  return replaced.reduce(
    (text, { start, end, text: variable }) => text.slice(0, start) + variable + text.slice(end),
    source,
  );
}
