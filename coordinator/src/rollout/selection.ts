import { compileExpression, ExpressionError, evaluateCondition } from "@cohort/proto/expression";
import { membersOf } from "@cohort/proto/expression-variables";
import type { RolloutStarted } from "@cohort/proto/gen/cohort/ledger";
import { nodeFacts } from "@cohort/proto/node-facts";
import { refuse } from "@cohort/proto/problem";
import type { EnrolledNode } from "../fleet/fleet.ts";
import { nodeVariables } from "../scheduler/placement.ts";
import { suggest } from "../workflow/nearest.ts";
import { rolloutLimits } from "./limits.ts";

type Selector = ReturnType<typeof compileExpression>;

/** Whether the rollout is about the node, whatever it runs. */
export function isSelected(request: RolloutStarted, node: EnrolledNode): boolean {
  if (request.select === "") return true;
  let selector = compiled.get(request);
  if (selector === undefined) {
    selector = compileExpression(request.select);
    compiled.set(request, selector);
  }
  try {
    return evaluateCondition(selector, { node: nodeVariables(node) });
  } catch (error) {
    // A label or a fact that this node does not have: the selector is not about it.
    if (error instanceof ExpressionError) return false;
    throw error;
  }
}

/** Follows from the log alone, so it is no part of the state. */
const compiled = new WeakMap<RolloutStarted, Selector>();

/** Throws EXPRESSION_INVALID and SELECTOR_UNKNOWN. */
export function assertSelector(select: string): void {
  if (select === "") return;
  if (select.length > rolloutLimits.selectLengthMax) {
    const most = rolloutLimits.selectLengthMax;
    throw refuse("EXPRESSION_INVALID", `a selector has at most ${most} characters`);
  }
  let selector: Selector;
  try {
    selector = compileExpression(select);
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    throw refuse("EXPRESSION_INVALID", `--select: ${error.message}`);
  }
  for (const [root = "", member, fact] of selector.references) {
    assertKnown(root, ["node"], `unknown name "${root}"`);
    if (member === undefined) continue;
    assertKnown(member, membersOf("node"), `nodes have no property "${member}"`);
    if (member !== "facts" || fact === undefined) continue;
    assertKnown(fact, Object.keys(nodeFacts), `there is no fact "${fact}" about nodes`);
  }
  const type = selector.type(() => null);
  if (type === "bool" || type === "dyn") return;
  throw refuse("EXPRESSION_INVALID", `--select must be true or false; this is of type ${type}`);
}

function assertKnown(name: string, valid: readonly string[], message: string): void {
  if (valid.includes(name)) return;
  throw refuse("SELECTOR_UNKNOWN", `--select: ${message}`, { hint: suggest(name, valid) });
}
