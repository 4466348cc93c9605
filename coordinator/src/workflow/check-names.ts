import { lookalikeHint, skeleton } from "@cohort/proto/confusable";
import type { Problem } from "@cohort/proto/problem";
import type { ResourceKind } from "@cohort/proto/resources/resources";
import type { Source } from "./source.ts";

interface Named {
  readonly kind: ResourceKind;
  readonly definition: { readonly name: string };
  readonly source: Source;
}

/** Names that can be taken for another of their kind, given now or standing already. */
export function lookalikeProblems(
  resources: readonly Named[],
  standing: (kind: ResourceKind, name: string) => string | undefined,
): Problem[] {
  const seen = new Map<string, string>();
  return resources.flatMap(({ kind, definition: { name }, source }) => {
    const look = `${kind}/${skeleton(name)}`;
    const other = seen.get(look) ?? standing(kind, name) ?? name;
    seen.set(look, name);
    if (other === name) return [];
    const message = `${name} can be taken for the ${kind} ${other}`;
    return [source.problemAt(["name"], "NAME_CONFUSABLE", message, lookalikeHint)];
  });
}
