import { refuse } from "@cohort/proto/problem";
import type { Decision } from "../state/decision.ts";
import { barred } from "./barred.ts";
import type { FleetState } from "./fleet.ts";

/**
 * The number under which a node may say hello; with any lower one it no longer may. Recorded, so that
 * a coordinator that starts later still knows which hello is the latest. Throws NODE_UNKNOWN, NODE_REVOKED.
 */
export function decideSession(fleet: FleetState, name: string): Decision<number> {
  const node = fleet.nodes.get(name);
  if (node === undefined || node.state === "invited") {
    throw refuse("NODE_UNKNOWN", `no node named ${name} is enrolled`, {
      hint: "Enrol it again with a new join token.",
    });
  }
  if (node.bar !== null) throw barred(node.bar);
  const session = node.session + 1;
  const event = { $case: "nodeSessionBegun" as const, value: { node: name, session } };
  return { events: [event], value: session };
}
