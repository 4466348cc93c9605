import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import { suggest } from "../workflow/nearest.ts";
import { enrolledNode } from "./decide-cordon.ts";
import type { FleetState } from "./fleet.ts";
import { assertLabels, type Labels } from "./labels.ts";

export interface LabelRequest {
  readonly node: string;
  readonly set: Labels;
  readonly remove: readonly string[];
  readonly actor: string;
}

/**
 * Changes labels of a node, all or none. The value tells whether anything changes. Throws
 * NODE_UNKNOWN, USAGE (names and values of labels; one that is to be removed and is not there).
 */
export function decideLabel(
  fleet: FleetState,
  { node: name, set, remove, actor }: LabelRequest,
): Decision<boolean> {
  const { labels } = enrolledNode(fleet, name);
  for (const label of remove) {
    if (Object.hasOwn(set, label)) {
      throw refuse("USAGE", `label ${label} is to be set and to be removed`);
    }
    if (Object.hasOwn(labels, label)) continue;
    throw refuse("USAGE", `${name} has no label ${JSON.stringify(label.slice(0, 100))}`, {
      hint: suggest(label, Object.keys(labels)),
    });
  }
  const removed = [...new Set(remove)];
  const kept = Object.entries(labels).filter(([label]) => !removed.includes(label));
  assertLabels({ ...Object.fromEntries(kept), ...set });
  const news = Object.entries(set).filter(([label, value]) => labels[label] !== value);
  if (news.length + removed.length === 0) return nothing(false);
  const value = { actor, node: name, set: Object.fromEntries(news), removed };
  return { events: [{ $case: "nodeLabelled", value }], value: true };
}
