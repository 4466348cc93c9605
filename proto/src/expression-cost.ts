import type { ASTNode } from "@marcbachmann/cel-js";
import { RE2JS, RE2JSSyntaxException } from "re2js";
import { limits } from "./limits.ts";
import { childrenOf } from "./references.ts";

/** What one evaluation may still spend. */
export interface Meter {
  /** Units: about one operation each. */
  left: number;
}

/**
 * Makes a parsed expression spend from the meter, and throw when nothing is left: a loop as much as
 * its list is long times the size of its body, a match as much as its text is long. The library
 * bounds the size of an expression only, and its `matches` may take exponential time; this one is
 * RE2, as CEL specifies.
 */
export function meterCost(ast: ASTNode, meter: Meter): void {
  const node = ast as unknown as Node;
  const loop = node.meta.alternate;
  if (loop?.op === "comprehension") meterLoop(loop, sizeOf(ast), meter);
  if (node.op === "rcall" && node.args[0] === "matches") meterMatch(node, meter);
  for (const child of childrenOf(ast)) meterCost(child, meter);
}

/** The library's nodes as its evaluator sees them; its types tell of the parts that people write. */
interface Node {
  readonly op: string;
  // biome-ignore lint/suspicious/noExplicitAny: its shape follows from `op`
  readonly args: any;
  readonly meta: { readonly alternate?: Node };
  readonly handle: (
    items: unknown,
    args: unknown,
    evaluator: Evaluator,
    context: unknown,
  ) => unknown;
  evaluate: (evaluator: Evaluator, node: Node, context: unknown) => unknown;
}

interface Evaluator {
  run(node: Node, context: unknown): unknown;
}

function meterLoop(loop: Node, size: number, meter: Meter): void {
  loop.evaluate = (evaluator, { args, handle }, context) => {
    const items = evaluator.run(args.iterable, context);
    spend(meter, lengthOf(items) * size);
    return handle(items, args, evaluator, context);
  };
}

function meterMatch(call: Node, meter: Meter): void {
  call.evaluate = (evaluator, { args: [, receiver, [argument]] }, context) => {
    const text = evaluator.run(receiver, context);
    const pattern = evaluator.run(argument, context);
    if (typeof text !== "string" || typeof pattern !== "string") {
      throw new Error("matches() compares a text with a pattern");
    }
    spend(meter, text.length + pattern.length);
    return compilePattern(pattern).matcher(text).find();
  };
}

/** The pattern is mostly the same every time. */
let latest: { readonly pattern: string; readonly compiled: RE2JS } | null = null;

function compilePattern(pattern: string): RE2JS {
  if (latest?.pattern === pattern) return latest.compiled;
  try {
    const compiled = RE2JS.compile(pattern);
    latest = { pattern, compiled };
    return compiled;
  } catch (cause) {
    if (!(cause instanceof RE2JSSyntaxException)) throw cause;
    throw new Error(`the pattern is not one: ${cause.message}`, { cause });
  }
}

function spend(meter: Meter, cost: number): void {
  meter.left -= cost;
  if (meter.left >= 0) return;
  const most = limits.expressionCostMax;
  throw new Error(`the expression takes more than ${most} operations on this data`);
}

function lengthOf(items: unknown): number {
  if (Array.isArray(items)) return items.length;
  if (items instanceof Map || items instanceof Set) return items.size;
  return typeof items === "object" && items !== null ? Object.keys(items).length : 0;
}

function sizeOf(ast: ASTNode): number {
  return childrenOf(ast).reduce((size, child) => size + sizeOf(child), 1);
}
