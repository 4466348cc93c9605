import type { Problem } from "@cohort/proto/problem";
import {
  type Definitions,
  isResourceKind,
  type ResourceKind,
  resourceSchemas,
} from "@cohort/proto/resources/resources";
import { stepKinds } from "@cohort/proto/resources/workflow";
import type * as z from "zod";
import { suggest } from "./nearest.ts";
import { keysAt } from "./schema-keys.ts";
import type { Path, Source } from "./source.ts";

/** A document that fits its schema. */
export type Parsed = {
  [Kind in ResourceKind]: {
    kind: Kind;
    definition: z.infer<(typeof resourceSchemas)[Kind]>;
    source: Source;
  };
}[ResourceKind];

export type { Definitions };

/** Checks one document against the schema of its kind; all problems at once. */
export function parseResource(source: Source): Parsed | Problem[] {
  const value = source.value;
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    return [
      source.problemAt([], "RESOURCE_INVALID", "a resource is a mapping that begins with `kind:`"),
    ];
  }
  const kind = (value as Record<string, unknown>)["kind"];
  if (typeof kind !== "string" || !isResourceKind(kind)) {
    const message =
      kind === undefined ? "`kind` is missing" : `unknown kind ${JSON.stringify(kind)}`;
    const hint = suggest(String(kind ?? ""), Object.keys(resourceSchemas));
    return [source.problemAt(["kind"], "RESOURCE_KIND_UNKNOWN", message, hint)];
  }
  const schema = resourceSchemas[kind];
  const result = schema.safeParse(value);
  if (result.success) return { kind, definition: result.data, source } as Parsed;
  const kindProblems = kind === "workflow" ? stepKindProblems(source) : [];
  return [
    ...kindProblems,
    ...result.error.issues.flatMap((issue) => problemsOf(issue, schema, source)),
  ];
}

function problemsOf(issue: z.core.$ZodIssue, schema: z.ZodType, source: Source): Problem[] {
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") {
    const valid = keysAt(schema, path);
    return issue.keys.map((key) =>
      source.problemAtKey(
        path,
        key,
        "RESOURCE_KEY_UNKNOWN",
        `unknown key "${key}"`,
        suggest(key, valid),
      ),
    );
  }
  const where = path.length === 0 ? "" : `${path.join(".")}: `;
  const hint = issue.code === "invalid_value" ? `Valid here: ${issue.values.join(", ")}.` : "";
  return [source.problemAt(path, "RESOURCE_INVALID", where + issue.message, hint)];
}

/**
 * A step whose kind is misspelt fails the schema with an unknown key only; saying which kinds there
 * are is what helps.
 */
function stepKindProblems(source: Source): Problem[] {
  const steps = (source.value as { steps?: unknown }).steps;
  if (!Array.isArray(steps)) return [];
  return steps.flatMap((step: unknown, at) => {
    if (step === null || typeof step !== "object") return [];
    const kinds = stepKinds.filter((kind) => Object.hasOwn(step, kind));
    return kinds.length === 1 ? [] : [stepKindProblem(source, at, kinds)];
  });
}

export function stepKindProblem(source: Source, at: number, kinds: readonly string[]): Problem {
  const message =
    kinds.length === 0
      ? "the step does not say what it does"
      : `the step has more than one of ${kinds.join(", ")}`;
  const hint = `Give it exactly one of ${stepKinds.join(", ")}.`;
  return source.problemAt(["steps", at], "STEP_KIND_UNKNOWN", message, hint);
}
