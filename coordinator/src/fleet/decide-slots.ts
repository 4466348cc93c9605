import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import { enrolledNode } from "./decide-cordon.ts";
import type { FleetState } from "./fleet.ts";
import { fleetLimits } from "./limits.ts";

export interface SlotsRequest {
  readonly node: string;
  /** 0 for as many as the node says. */
  readonly slots: number;
  readonly actor: string;
}

/**
 * How many attempts a node is given at once; never more than it says it has. What runs there beyond
 * that goes on. The value tells whether anything changes. Throws NODE_UNKNOWN, USAGE.
 */
export function decideSlots(
  fleet: FleetState,
  { node, slots, actor }: SlotsRequest,
): Decision<boolean> {
  const before = enrolledNode(fleet, node).slotsMax;
  if (!Number.isInteger(slots) || slots < 0 || slots > fleetLimits.slotsMax) {
    throw refuse("USAGE", `the slots of a node are a number up to ${fleetLimits.slotsMax}`);
  }
  if (slots === before) return nothing(false);
  return { events: [{ $case: "nodeSlotsSet", value: { actor, node, slots } }], value: true };
}
