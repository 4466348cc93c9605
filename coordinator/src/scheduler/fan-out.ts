import { ExpressionError } from "@cohort/proto/expression";
import { limits } from "@cohort/proto/limits";
import { isFannedOut } from "@cohort/proto/resources/workflow";
import type { CompiledStep } from "../workflow/compile.ts";
import { schedulerLimits } from "./limits.ts";
import type { Outcome } from "./outcome.ts";
import { plannedNodes } from "./planned-nodes.ts";
import type { Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";
import { runVariables } from "./variables.ts";

/** The instances of a step, in order. */
export interface Plan {
  /** The node of each; "" for any that fits. */
  readonly nodes: string[];
  /** JSON of what is its own to read, by instance; [] where nothing is. */
  readonly variablesJson: string[];
}

/** Null while too few nodes fit, in which case the step waits; an outcome when there can be no plan. */
export function planOf(schedule: Schedule, run: Run, step: CompiledStep): Plan | Outcome | null {
  if (isFannedOut(step.definition)) return planOfItems(run, step);
  const nodes = plannedNodes(schedule, run, step);
  if (nodes === null) return null;
  return nodes.length > limits.instancesMax ? tooMany(nodes.length) : { nodes, variablesJson: [] };
}

function planOfItems(run: Run, step: CompiledStep): Plan | Outcome {
  try {
    const variables = runVariables(run, step);
    const items =
      step.forEach === null ? null : listOf("for_each", step.forEach.evaluate(variables));
    const lists = Object.entries((step.matrix?.evaluate(variables) ?? {}) as object).map(
      ([name, value]) => [name, listOf(`matrix.${name}`, value)] as const,
    );
    const size = lists.reduce((size, [, list]) => size * list.length, items?.length ?? 1);
    if (size > limits.instancesMax) return tooMany(size);
    const all = combine(items, lists).map((it) => JSON.stringify(it));
    const length = all.reduce((sum, json) => sum + json.length, 0);
    const max = schedulerLimits.fanOutBytesMax;
    if (length > max) return failed(`LIMIT_EXCEEDED the items are longer than ${max} together`);
    return { nodes: all.map(() => ""), variablesJson: all };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    return failed(`EXPRESSION_INVALID ${error.message}`.toWellFormed());
  }
}

/** Items change slowest, the last list of the matrix fastest. */
function combine(
  items: readonly unknown[] | null,
  lists: readonly (readonly [string, readonly unknown[]])[],
): Record<string, unknown>[] {
  const matrices = lists.reduce<Record<string, unknown>[]>(
    (all, [name, list]) => all.flatMap((it) => list.map((value) => ({ ...it, [name]: value }))),
    [{}],
  );
  const withMatrix = lists.length === 0 ? [{}] : matrices.map((matrix) => ({ matrix }));
  return items === null
    ? withMatrix
    : items.flatMap((item) => withMatrix.map((it) => ({ item, ...it })));
}

function listOf(key: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new ExpressionError(`${key} must be a list, not ${JSON.stringify(value)}`.slice(0, 200), 0);
}

function tooMany(count: number): Outcome {
  return failed(
    `LIMIT_EXCEEDED the step has ${count} instances; ${limits.instancesMax} are allowed`,
  );
}

function failed(reason: string): Outcome {
  return { outcome: "failed", reason };
}
