import type { Hello } from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
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
 * read: what is accepted while it becomes durable is not in the inventory, and yet not lost. One of
 * an earlier session tells of an inventory that is over. Throws SESSION_OVER, and as decideHello.
 */
export function decideWelcome(
  { fleet, runs }: { readonly fleet: FleetState; readonly runs: Runs },
  name: string,
  { facts, inventory, session }: Hello,
): Decision<Welcomed> {
  const present = decideHello(fleet, name, facts);
  if (present.value.session !== session) {
    throw refuse("SESSION_OVER", `session ${session} of ${name} is over`);
  }
  const books = decideReconcile(runs, name, inventory);
  return {
    events: [...present.events, ...books.events],
    value: { node: present.value, ...books.value },
  };
}
