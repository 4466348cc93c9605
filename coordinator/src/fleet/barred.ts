import { type CohortError, refuse } from "@cohort/proto/problem";
import type { Bar, FleetState } from "./fleet.ts";

/** What a node is told that is kept out. */
export function barred({ code, reason }: Bar): CohortError {
  const because = reason === "" ? "" : `: ${reason}`;
  const what = code === "NODE_REVOKED" ? "revoked" : "quarantined";
  return refuse(code, `the node was ${what}${because}`, {
    hint: "It may join again with a new join token and other keys.",
  });
}

/** Throws NODE_REVOKED or NODE_QUARANTINED when what the node says must not be heard. */
export function assertNotBarred({ nodes }: FleetState, name: string): void {
  const node = nodes.get(name);
  if (node !== undefined && node.state !== "invited" && node.bar !== null) throw barred(node.bar);
}
