import { Environment, type ParseResult } from "@marcbachmann/cel-js";
import { meterCost } from "./expression-cost.ts";
import { checkTypes, nothingKnown, type Types, typedEnvironment } from "./expression-types.ts";
import { limits } from "./limits.ts";
import { referencesOf } from "./references.ts";

/**
 * CEL, the one expression language of Cohort. Expressions are data only: their value is never parsed
 * again, and they see nothing but the variables they are given. Values are JSON values; numbers are
 * CEL doubles, and mixed arithmetic with integer literals works as people expect.
 */
export type Variables = Readonly<Record<string, unknown>>;

/** Text with `${{ expression }}` in it, checked and ready to evaluate. */
export interface Template {
  /** JSON value of a text that is one expression alone; otherwise the text with values filled in. */
  evaluate(variables: Variables): unknown;
  /** What it reads, as [["steps", "sample", "outputs"], ["inputs", "press"]]. */
  readonly references: readonly (readonly string[])[];
  /**
   * CEL type of the value, "dyn" where it depends on the variables; throws ExpressionError when
   * operands cannot fit what `types` knows of the variables.
   */
  type(types?: Types): string;
}

export class ExpressionError extends Error {
  /** `offset`: of the faulty expression's first character in the text that was given. */
  constructor(
    message: string,
    readonly offset: number,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.name = "ExpressionError";
  }
}

const environment = mixedNumbers(
  new Environment({
    unlistedVariablesAreDyn: true,
    homogeneousAggregateLiterals: false,
    enableOptionalTypes: true,
    limits: { maxAstNodes: 1000, maxDepth: 32, maxListElements: 256, maxMapEntries: 256 },
  }),
);

const typed = typedEnvironment(environment);

const opening = "${{";
const closing = "}}";

export function hasExpression(text: string): boolean {
  return text.includes(opening);
}

/** Throws ExpressionError when an expression in the text is not closed or does not parse. */
export function compileTemplate(text: string): Template {
  const pieces = split(text).map((piece) =>
    piece.literal ? piece.text : compile(piece.text, piece.offset),
  );
  const expressions = pieces.filter((piece) => typeof piece !== "string");
  const references = expressions.flatMap((it) => it.references);
  const [only] = pieces;
  if (pieces.length === 1 && only !== undefined && typeof only !== "string") {
    return only;
  }
  return {
    type(types) {
      for (const it of expressions) it.type(types);
      return "string";
    },
    evaluate: (variables) =>
      pieces.map((it) => (typeof it === "string" ? it : asText(it.evaluate(variables)))).join(""),
    references,
  };
}

/** A bare CEL expression, or one alone in `${{ }}`; throws ExpressionError. */
export function compileExpression(text: string): Template {
  const bare = text.trim();
  if (!bare.startsWith(opening)) return compile(text, 0);
  if (!bare.endsWith(closing) || bare.indexOf(closing) !== bare.length - closing.length) {
    throw new ExpressionError("one expression alone is expected here", 0);
  }
  const offset = text.indexOf(opening) + opening.length;
  return compile(bare.slice(opening.length, -closing.length), offset);
}

/** Evaluates to true or false; anything else, and every evaluation error, throws ExpressionError. */
export function evaluateCondition(condition: Template, variables: Variables): boolean {
  const value = condition.evaluate(variables);
  if (typeof value !== "boolean") {
    throw new ExpressionError(`a condition must be true or false, not ${describe(value)}`, 0);
  }
  return value;
}

function compile(source: string, offset: number): Template {
  if (source.length > limits.expressionBytesMax) {
    throw new ExpressionError(`expression longer than ${limits.expressionBytesMax} bytes`, offset);
  }
  let parsed: ParseResult;
  try {
    parsed = environment.parse(source);
  } catch (cause) {
    throw new ExpressionError(firstLine(cause), offset, { cause });
  }
  const meter = { left: 0 };
  meterCost(parsed.ast, meter);
  return {
    references: referencesOf(parsed.ast),
    type(types = nothingKnown) {
      const { valid, type, error } = checkTypes(parsed, source, types, typed);
      if (!valid) throw new ExpressionError(firstLine(error), offset, { cause: error });
      return type ?? "dyn";
    },
    evaluate(variables) {
      meter.left = limits.expressionCostMax;
      try {
        return asJson(parsed(variables as Record<string, unknown>));
      } catch (cause) {
        throw new ExpressionError(firstLine(cause), offset, { cause });
      }
    },
  };
}

interface Piece {
  readonly literal: boolean;
  readonly text: string;
  readonly offset: number;
}

function split(text: string): Piece[] {
  const pieces: Piece[] = [];
  let at = 0;
  while (at < text.length || pieces.length === 0) {
    const start = text.indexOf(opening, at);
    const literalEnd = start === -1 ? text.length : start;
    if (literalEnd > at || text === "") {
      pieces.push({ literal: true, text: text.slice(at, literalEnd), offset: at });
    }
    if (start === -1) break;
    const end = text.indexOf(closing, start);
    if (end === -1) throw new ExpressionError(`"${opening}" is not closed by "${closing}"`, start);
    const inner = start + opening.length;
    pieces.push({ literal: false, text: text.slice(inner, end), offset: inner });
    at = end + closing.length;
  }
  return pieces;
}

/** CEL integers are BigInt in the library; JSON has one kind of number. */
function asJson(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(asJson);
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [String(key), asJson(item)]));
  }
  if (
    value !== null &&
    typeof value === "object" &&
    Object.getPrototypeOf(value) === Object.prototype
  ) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, asJson(item)]));
  }
  if (value === null || ["string", "number", "boolean"].includes(typeof value)) return value;
  throw new Error(`${describe(value)} is not a JSON value`);
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

function describe(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0] as string;
}

function mixedNumbers(target: Environment): Environment {
  const operators = {
    "+": (a: number, b: number) => a + b,
    "-": (a: number, b: number) => a - b,
    "*": (a: number, b: number) => a * b,
    "/": (a: number, b: number) => a / b,
  };
  for (const [sign, operate] of Object.entries(operators)) {
    const mixed = (a: number | bigint, b: number | bigint) => operate(Number(a), Number(b));
    target.registerOperator(`double ${sign} int`, mixed);
    target.registerOperator(`int ${sign} double`, mixed);
  }
  target.registerOperator("double == int", (a: number, b: bigint) => a === Number(b));
  return target;
}
