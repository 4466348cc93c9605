import type { NodeEvent } from "@cohort/proto/gen/cohort/node";
import type { Event } from "../state/event.ts";
import type { FleetState } from "./fleet.ts";

/**
 * Records what nodes say was written to devices, whether the attempt still counts or not. A node tells
 * it in the order of its numbers, and again until it is acknowledged: what was recorded makes no event.
 */
export function actuationEvents(
  fleet: FleetState,
  reports: readonly { readonly node: string; readonly event: NodeEvent }[],
): Event[] {
  const through = new Map<string, number>();
  return reports.flatMap(({ node, event: { seq, atMs, attempt, event } }): Event[] => {
    if (event?.$case !== "actuated") return [];
    const known = fleet.nodes.get(node);
    if (known === undefined || known.state === "invited") return [];
    if (seq <= (through.get(node) ?? known.actuatedSeq)) return [];
    through.set(node, seq);
    const value = { node, attempt, nodeSeq: seq, nodeAtMs: atMs, actuated: event.value };
    return [{ $case: "deviceActuated", value }];
  });
}
