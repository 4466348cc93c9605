import type { ErrorCode } from "@cohort/proto/errors";
import { parseJson } from "@cohort/proto/json";
import type { Outputs } from "@cohort/proto/resources/workflow/outputs";

export interface OutputFault {
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * What is wrong with the output of an attempt that succeeded; null when it is as the step declares.
 * A node is not believed: what is no JSON would else meet expressions that rely on it.
 */
export function outputFault(outputJson: string, outputs: Outputs | undefined): OutputFault | null {
  const { types } = outputs ?? {};
  if (outputJson === "") return types === undefined ? null : missing("the step left no output");
  const output = parseJson(outputJson);
  if (output === undefined) return invalid("the output is not JSON");
  if (types === undefined) return null;
  if (typeOf(output) !== "object") {
    return invalid(`the output is a ${typeOf(output)}, not an object with the declared fields`);
  }
  for (const [name, type] of Object.entries(types)) {
    if (!Object.hasOwn(output as object, name)) return missing(`the output has no "${name}"`);
    const given = typeOf((output as Record<string, unknown>)[name]);
    if (type === "json" || type === given) continue;
    return invalid(`"${name}" of the output is a ${given}, not a ${type}`);
  }
  return null;
}

function missing(message: string): OutputFault {
  return { code: "STEP_OUTPUT_MISSING", message };
}

function invalid(message: string): OutputFault {
  return { code: "STEP_OUTPUT_INVALID", message };
}

function typeOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "list" : typeof value;
}
