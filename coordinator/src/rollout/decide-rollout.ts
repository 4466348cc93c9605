import type { RolloutStarted } from "@cohort/proto/gen/cohort/ledger";
import type { UpdateReport } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { isVersion } from "@cohort/proto/version";
import { enrolledNode } from "../fleet/decide-cordon.ts";
import type { EnrolledNode, FleetState } from "../fleet/fleet.ts";
import { type Decision, nothing } from "../state/decision.ts";
import { checkReason } from "../state/reason.ts";
import { assertPublished } from "./decide-release.ts";
import { rolloutLimits } from "./limits.ts";
import { failed } from "./next-update.ts";
import { isOver, needOf, newRollout, type Rollout, type Rollouts } from "./rollout.ts";
import { assertSelector, isSelected } from "./selection.ts";

interface View {
  readonly rollouts: Rollouts;
  readonly fleet: FleetState;
}

/**
 * Begins to bring a version to nodes; one rollout at a time. Throws USAGE, RELEASE_UNKNOWN,
 * ROLLOUT_ACTIVE, ROLLOUT_EMPTY, and as assertSelector.
 */
export function decideRollout(
  { rollouts, fleet }: View,
  request: RolloutStarted,
): Decision<string> {
  assertRequest(request);
  assertPublished(rollouts, request.version);
  const { current } = rollouts;
  if (current !== null && !isOver(current)) {
    const { version } = current.request;
    throw refuse("ROLLOUT_ACTIVE", `a rollout of ${version} is ${describe(current)}`);
  }
  const planned = newRollout(request, 0);
  const all = [...fleet.nodes.values()].filter(
    (it) => it.state !== "invited" && it.bar === null,
  ) as EnrolledNode[];
  const selected = all.filter((it) => isSelected(request, it));
  if (selected.length === 0) throw refuse("ROLLOUT_EMPTY", "no enrolled node is selected");
  const lacking = selected.filter((it) => needOf(rollouts, planned, it) === "release");
  if (lacking.length > 0) {
    const names = [...new Set(lacking.map((it) => it.probed.arch))].sort().join(", ");
    const message = `${request.version} is not published for ${names}, as ${lacking[0]?.node} needs it`;
    throw refuse("RELEASE_UNKNOWN", message, {
      hint: `Publish it, or leave those nodes out: --select 'node.arch != "${lacking[0]?.probed.arch}"'.`,
    });
  }
  return { events: [{ $case: "rolloutStarted", value: request }], value: request.rollout };
}

/**
 * Pauses, resumes or aborts the rollout that goes on. Nodes that were told go on to their end. The
 * value tells whether anything changes. Throws ROLLOUT_UNKNOWN, ROLLOUT_ENDED, USAGE.
 */
export function decideRolloutChange(
  { current }: Rollouts,
  {
    state,
    reason,
    actor,
  }: { readonly state: string; readonly reason: string; readonly actor: string },
): Decision<boolean> {
  checkReason(reason);
  if (current === null) throw refuse("ROLLOUT_UNKNOWN", "there was no rollout yet");
  if (!["active", "paused", "aborted"].includes(state)) {
    throw refuse("USAGE", "a rollout is paused, resumed or aborted");
  }
  if (current.state === state) return nothing(false);
  if (current.state === "aborted" || current.state === "completed") {
    throw refuse("ROLLOUT_ENDED", `the rollout of ${current.request.version} is ${current.state}`);
  }
  const { rollout } = current.request;
  return {
    events: [{ $case: "rolloutChanged", value: { rollout, actor, state, reason } }],
    value: true,
  };
}

/** A node tells what became of its update. What is of another rollout, or known, is no news. */
export function decideUpdateReport(
  { rollouts: { current }, fleet }: View,
  name: string,
  { rollout, outcome, code, message }: UpdateReport,
): Decision<void> {
  const update = current?.updates.get(name);
  const isNews = current?.request.rollout === rollout && outcome === "failed";
  if (!isNews || update === undefined) return nothing(undefined);
  const { version } = enrolledNode(fleet, name).probed;
  // One that was greeted, and did not learn of it in time, is taken back after all.
  const takenBack = update.state === "updated" && version !== current.request.version;
  if (update.state !== "sent" && !takenBack) return nothing(undefined);
  return { events: [failed(current, name, code, message)], value: undefined };
}

/** The node has refused the update. */
export function decideUpdateRefused(
  { current }: Rollouts,
  rollout: string,
  node: string,
  problem: { readonly code: string; readonly message: string },
): Decision<void> {
  const isOut = current?.request.rollout === rollout && current.updates.get(node)?.state === "sent";
  if (!isOut) return nothing(undefined);
  return { events: [failed(current, node, problem.code, problem.message)], value: undefined };
}

function describe({ state, busy }: Rollout): string {
  if (state === "active" || state === "paused") return state;
  return `${state}, and ${busy.size} nodes are still under way`;
}

function assertRequest(request: RolloutStarted): void {
  const { version, canary, maxFailures, maxConcurrent, confirmMs, select } = request;
  if (!isVersion(version)) throw refuse("USAGE", "a version is three numbers, as 0.2.0");
  assertSelector(select);
  assertWithin("--canary", canary, 0, rolloutLimits.canaryMax);
  assertWithin("--max-failures", maxFailures, 1, rolloutLimits.failuresMax);
  assertWithin("--max-concurrent", maxConcurrent, 1, rolloutLimits.concurrentMax);
  const { updateConfirmMsMin: least, updateConfirmMsMax: most } = limits;
  assertWithin("--confirm-within, in ms,", confirmMs, least, most);
}

function assertWithin(what: string, value: number, least: number, most: number): void {
  if (Number.isInteger(value) && value >= least && value <= most) return;
  throw refuse("USAGE", `${what} is a number from ${least} to ${most}`);
}
