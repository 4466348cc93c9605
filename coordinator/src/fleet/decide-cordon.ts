import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import { checkReason } from "../state/reason.ts";
import { suggest } from "../workflow/nearest.ts";
import type { EnrolledNode, FleetNode, FleetState } from "./fleet.ts";
import { fleetLimits } from "./limits.ts";

export interface CordonRequest {
  readonly node: string;
  /** "" for none. */
  readonly reason: string;
  readonly actor: string;
}

/**
 * Gives a node no new work; what runs there goes on, and a drain that goes on does too. The value
 * tells whether anything changes. Throws NODE_UNKNOWN, USAGE (the reason).
 */
export function decideCordon(
  fleet: FleetState,
  { node: name, reason, actor }: CordonRequest,
): Decision<boolean> {
  const { cordon } = enrolledNode(fleet, name);
  checkReason(reason);
  const keeps = cordon !== null && (reason === "" || reason === cordon.reason);
  if (keeps) return nothing(false);
  const value = { actor, node: name, reason, drainByMs: cordon?.drainByMs ?? 0 };
  return { events: [{ $case: "nodeCordoned", value }], value: true };
}

/**
 * Gives a node no new work, and ends what still runs there after a time, so that it runs elsewhere.
 * Asked again, the new deadline holds. Throws NODE_UNKNOWN, USAGE (the reason or the deadline).
 */
export function decideDrain(
  fleet: FleetState,
  { node: name, reason, actor, deadlineMs }: CordonRequest & { readonly deadlineMs: number },
  nowMs: number,
): Decision<boolean> {
  const { cordon } = enrolledNode(fleet, name);
  checkReason(reason);
  if (!Number.isSafeInteger(deadlineMs) || deadlineMs < 0 || deadlineMs > fleetLimits.drainMsMax) {
    throw refuse("USAGE", "the deadline of a drain is a time of at most 7 days");
  }
  const told = reason === "" ? (cordon?.reason ?? "") : reason;
  const value = { actor, node: name, reason: told, drainByMs: nowMs + deadlineMs };
  return { events: [{ $case: "nodeCordoned", value }], value: true };
}

/** Gives a node work again. Throws NODE_UNKNOWN. */
export function decideUncordon(
  fleet: FleetState,
  { node: name, actor }: Omit<CordonRequest, "reason">,
): Decision<boolean> {
  if (enrolledNode(fleet, name).cordon === null) return nothing(false);
  return { events: [{ $case: "nodeUncordoned", value: { actor, node: name } }], value: true };
}

/** Enrolled or invited. Throws NODE_UNKNOWN. */
export function knownNode({ nodes }: FleetState, name: string): FleetNode {
  const node = nodes.get(name);
  if (node !== undefined) return node;
  throw refuse("NODE_UNKNOWN", `no node is named ${JSON.stringify(name.slice(0, 100))}`, {
    hint: suggest(name, [...nodes.keys()]),
  });
}

/** Throws NODE_UNKNOWN. */
export function enrolledNode(fleet: FleetState, name: string): EnrolledNode {
  const node = fleet.nodes.get(name);
  if (node !== undefined && node.state !== "invited") return node;
  const enrolled = [...fleet.nodes.values()].filter((it) => it.state !== "invited");
  throw refuse("NODE_UNKNOWN", `no node named ${JSON.stringify(name.slice(0, 100))} is enrolled`, {
    hint: suggest(
      name,
      enrolled.map((it) => it.node),
    ),
  });
}
