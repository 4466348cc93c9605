import type { AttemptKey } from "@cohort/proto/gen/cohort/node";
import { workflowAt } from "../catalogue/catalogue.ts";
import { knownNode } from "../fleet/decide-cordon.ts";
import { natsKeysOf } from "../fleet/rotation.ts";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { checkReason } from "../state/reason.ts";
import { attemptEnded, failure } from "./decide-attempt.ts";
import { type Instance, keyOf, type Run } from "./runs.ts";
import type { Schedule } from "./schedule.ts";

export interface RevokeRequest {
  readonly node: string;
  /** "" for none. */
  readonly reason: string;
  readonly actor: string;
}

export interface Revoked {
  readonly changed: boolean;
  /** A node that never enrolled is no more than its invite. */
  readonly what: "node" | "invite";
  /** Attempts that ran there, or were on their way. */
  readonly ended: AttemptKey[];
}

/**
 * Takes a node out of the mesh for good, or an invite back. What it ran has no node any more, which
 * is no matter of waiting. Throws NODE_UNKNOWN, USAGE (the reason).
 */
export function decideRevoke(
  schedule: Pick<Schedule, "catalogue" | "runs" | "fleet">,
  { node: name, reason, actor }: RevokeRequest,
): Decision<Revoked> {
  const { fleet } = schedule;
  const node = knownNode(fleet, name);
  checkReason(reason);
  const what = node.state === "invited" ? "invite" : "node";
  if (node.state !== "invited" && node.bar !== null) {
    return nothing({ changed: false, what, ended: [] });
  }
  const ends = endsOf(schedule, name, "was revoked");
  const natsKeys = node.state === "invited" ? [] : natsKeysOf(node);
  const revoked: Event = { $case: "nodeRevoked", value: { actor, node: name, reason, natsKeys } };
  return {
    events: [revoked, ...ends.map(({ event }) => event)],
    value: { changed: true, what, ended: ends.map(({ attempt }) => attempt) },
  };
}

/** Whoever asked to be told of a lost node is; everything else is given another attempt. */
export function endsOf(
  { catalogue, runs }: Pick<Schedule, "catalogue" | "runs">,
  node: string,
  what: string,
): { readonly attempt: AttemptKey; readonly event: Event }[] {
  const codeOf = ({ run, step }: Instance) => {
    const { version } = runs.byId.get(run) as Run;
    const definition = workflowAt(catalogue, version).steps.get(step)?.definition;
    return definition?.on_disconnect === "fail" ? "NODE_DISCONNECTED" : "NODE_LOST";
  };
  return [...(runs.onNode.get(node) ?? [])].map((instance) => {
    const attempt = keyOf(instance);
    const result = failure(codeOf(instance), `node ${node} ${what}`);
    return { attempt, event: attemptEnded(attempt, result) };
  });
}
