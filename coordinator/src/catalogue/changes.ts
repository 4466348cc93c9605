import type { ResourceChange } from "@cohort/proto/gen/cohort/console";
import type { Resource } from "@cohort/proto/gen/cohort/ledger";
import { limits } from "@cohort/proto/limits";
import type { Catalogue } from "./catalogue.ts";
import { definitionText } from "./definition-text.ts";

/** What applying the resources would change, in their order. */
export function changesOf({ current }: Catalogue, resources: readonly Resource[]) {
  return resources.map((after) => {
    const before = current.get(`${after.kind}/${after.name}`) ?? null;
    return { before, after, change: changeOf(before, after) };
  });
}

export type Change = ReturnType<typeof changesOf>[number];

export function changeView({ after: { kind, name, version }, change }: Change): ResourceChange {
  const none = { before: "", after: "", textsTooLarge: false };
  return { kind, name, version, change, ...none };
}

/** The same with the definitions before and after, as far as they fit one message. */
export function changeViewsWithTexts(changes: readonly Change[]): ResourceChange[] {
  let left = limits.consoleMessageBytesMax / 2;
  return changes.map((it) => {
    const view = changeView(it);
    if (it.change === "unchanged") return view;
    const before = it.before === null ? "" : definitionText(it.before);
    const after = definitionText(it.after);
    const bytes = Buffer.byteLength(before) + Buffer.byteLength(after);
    if (bytes > left) return { ...view, textsTooLarge: true };
    left -= bytes;
    return { ...view, before, after };
  });
}

function changeOf(before: Resource | null, after: Resource): "created" | "updated" | "unchanged" {
  if (before === null) return "created";
  return before.version === after.version ? "unchanged" : "updated";
}
