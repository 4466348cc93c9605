import type { Hello } from "@cohort/proto/gen/cohort/node";
import { decideHello } from "../fleet/decide-presence.ts";
import type { EnrolledNode, FleetState } from "../fleet/fleet.ts";
import type { Decision } from "../state/decision.ts";
import { decideReconcile, type Reconciled } from "./decide-attempt.ts";
import type { Runs } from "./runs.ts";

export interface Welcomed extends Reconciled {
  readonly node: EnrolledNode;
}

/**
 * A node says that it is there and what it holds. One decision, at the moment when the hello is
 * read: what is accepted while it becomes durable is not in the inventory, and yet not lost. Throws
 * as decideHello.
 */
export function decideWelcome(
  { fleet, runs }: { readonly fleet: FleetState; readonly runs: Runs },
  name: string,
  { facts, inventory }: Pick<Hello, "facts" | "inventory">,
): Decision<Welcomed> {
  const present = decideHello(fleet, name, facts);
  const books = decideReconcile(runs, name, inventory);
  return {
    events: [...present.events, ...books.events],
    value: { node: present.value, ...books.value },
  };
}
