import type { Problem } from "@cohort/proto/problem";
import {
  type Definitions,
  isResourceKind,
  type ResourceKind,
  resourceSchemas,
} from "@cohort/proto/resources/resources";
import { phases, stepKinds } from "@cohort/proto/resources/workflow";
import type * as z from "zod";
import { extended } from "./catalogue-service.ts";
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
  const whole = kind === "service" ? extended(source) : value;
  if (Array.isArray(whole)) return whole;
  const result = schema.safeParse(whole);
  if (result.success) return { kind, definition: result.data, source } as Parsed;
  const kindProblems = kind === "workflow" ? stepKindProblems(source) : [];
  return [
    ...kindProblems,
    ...result.error.issues.flatMap((issue) => problemsOf(issue, schema, source)),
  ];
}

function problemsOf(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  source: Source,
  base: Path = [],
): Problem[] {
  const path = [...base, ...(issue.path as Path)];
  const inner = issue.code === "invalid_union" ? meantBranch(issue.errors) : null;
  if (inner !== null) return inner.flatMap((it) => problemsOf(it, schema, source, path));
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

/** Faults of the form that a value was meant to have: the one that it fits at least on the outside. */
function meantBranch(branches: readonly z.core.$ZodIssue[][]): z.core.$ZodIssue[] | null {
  const meant = branches.filter((issues) =>
    issues.every((it) => it.path.length > 0 || it.code !== "invalid_type"),
  );
  return meant.length === 1 ? (meant[0] as z.core.$ZodIssue[]) : null;
}

/**
 * A step whose kind is misspelt fails the schema with an unknown key only; saying which kinds there
 * are is what helps.
 */
function stepKindProblems(source: Source): Problem[] {
  return phases.flatMap((phase) => {
    const steps = (source.value as Record<string, unknown>)[phase];
    if (!Array.isArray(steps)) return [];
    return steps.flatMap((step: unknown, at) => {
      if (step === null || typeof step !== "object") return [];
      const kinds = stepKinds.filter((kind) => Object.hasOwn(step, kind));
      return kinds.length === 1 ? [] : [stepKindProblem(source, [phase, at], kinds)];
    });
  });
}

export function stepKindProblem(source: Source, place: Path, kinds: readonly string[]): Problem {
  const message =
    kinds.length === 0
      ? "the step does not say what it does"
      : `the step has more than one of ${kinds.join(", ")}`;
  const hint = `Give it exactly one of ${stepKinds.join(", ")}.`;
  return source.problemAt(place, "STEP_KIND_UNKNOWN", message, hint);
}
