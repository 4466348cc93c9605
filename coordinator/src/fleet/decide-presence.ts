import { Facts } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { barred } from "./barred.ts";
import { enrolledNode } from "./decide-cordon.ts";
import { isolates } from "./decide-enrol.ts";
import type { EnrolledNode, FleetState } from "./fleet.ts";

/**
 * A node says that it is there. Recorded when that is news: it was not there, or describes itself
 * otherwise. Throws NODE_UNKNOWN, NODE_REVOKED, ISOLATION_INSUFFICIENT.
 */
export function decideHello(
  fleet: FleetState,
  name: string,
  facts: Facts | undefined,
): Decision<EnrolledNode> {
  const node = fleet.nodes.get(name);
  if (node === undefined || node.state === "invited") {
    throw refuse("NODE_UNKNOWN", `no node named ${name} is enrolled`, {
      hint: "Enrol it again with a new join token.",
    });
  }
  if (node.bar !== null) throw barred(node.bar);
  const told = facts ?? node.probed;
  assertIsolates(told);
  if (node.state === "connected" && sameFacts(told, node.probed)) return nothing(node);
  return { events: [connected(name, told)], value: node };
}

/**
 * A heartbeat of a node that was given up: it fell silent and came back on a connection that never
 * broke, so that it has no cause to say hello. Anything else is no news.
 */
export function decideHeartbeat(fleet: FleetState, name: string): Decision<void> {
  const node = fleet.nodes.get(name);
  if (node?.state !== "disconnected" || node.bar !== null) return nothing(undefined);
  return { events: [connected(name, node.probed)], value: undefined };
}

/**
 * A node that is there says otherwise of itself than before. Throws NODE_UNKNOWN,
 * ISOLATION_INSUFFICIENT.
 */
export function decideFacts(fleet: FleetState, name: string, facts: Facts): Decision<void> {
  const { probed } = enrolledNode(fleet, name);
  assertIsolates(facts);
  if (sameFacts(facts, probed)) return nothing(undefined);
  return {
    events: [{ $case: "nodeFactsChanged", value: { node: name, facts } }],
    value: undefined,
  };
}

/**
 * Gives up connected nodes that were last heard longer than limits.nodeSilenceMsMax ago.
 * `lastSeenMs` is kept beside the state, for heartbeats are no events; a node that it does not name
 * is left as it is. The value names the nodes given up.
 */
export function decideSilence(
  fleet: FleetState,
  lastSeenMs: ReadonlyMap<string, number>,
  nowMs: number,
): Decision<readonly string[]> {
  const silent = [...lastSeenMs]
    .filter(([name, seenMs]) => {
      return (
        nowMs - seenMs > limits.nodeSilenceMsMax && fleet.nodes.get(name)?.state === "connected"
      );
    })
    .map(([name]) => name);
  const events = silent.map((node): Event => {
    return { $case: "nodeDisconnected", value: { node, reason: "silent" } };
  });
  return { events, value: silent };
}

function assertIsolates(facts: Facts): void {
  if (isolates(facts)) return;
  throw refuse("ISOLATION_INSUFFICIENT", "the machine's kernel cannot isolate steps", {
    hint: "`cohort-agent probe` on the machine lists what is missing.",
  });
}

function connected(node: string, facts: Facts): Event {
  return { $case: "nodeConnected", value: { node, facts } };
}

function sameFacts(a: Facts, b: Facts): boolean {
  return JSON.stringify(Facts.toJSON(a)) === JSON.stringify(Facts.toJSON(b));
}
