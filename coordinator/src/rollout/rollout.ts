import type {
  NodeUpdateEnded,
  ReleasePublished,
  RolloutChanged,
  RolloutStarted,
} from "@cohort/proto/gen/cohort/ledger";
import type { Release, ReleaseKey, SignedRelease } from "@cohort/proto/gen/cohort/node";
import { compareVersions } from "@cohort/proto/version";
import type { EnrolledNode, FleetState } from "../fleet/fleet.ts";
import { entry } from "../state/entry.ts";
import type { Recorded } from "../state/event.ts";
import { rolloutLimits } from "./limits.ts";
import { isSelected } from "./selection.ts";

/** Versions of the agent, and which nodes are on their way to which. A function of the log. */
export interface Rollouts {
  /** The oldest first; releases must be signed with the last one. */
  readonly keys: ReleaseKey[];
  /** By version, then by architecture. */
  readonly releases: Map<string, Map<string, Published>>;
  /** The latest one, which may be over. */
  current: Rollout | null;
}

export interface Published {
  readonly signed: SignedRelease;
  readonly release: Release;
  readonly publishedMs: number;
}

export type RolloutState = "active" | "paused" | "stopped" | "aborted" | "completed";

export interface Rollout {
  readonly request: RolloutStarted;
  readonly startedMs: number;
  state: RolloutState;
  reason: string;
  /** Nodes whose turn has come, by name. */
  readonly updates: Map<string, NodeUpdate>;
  /** Those of them that are not over. */
  readonly busy: Set<string>;
  /** Nodes that are there and wait for their turn, in the order in which they came. */
  readonly waiting: Set<string>;
  /** Nodes that are to be updated when they are back. */
  readonly away: Set<string>;
  updated: number;
  /** Since it was begun or resumed. */
  failures: number;
}

export interface NodeUpdate {
  readonly state: "draining" | "sent" | "updated" | "failed";
  readonly fromVersion: string;
  readonly code: string;
  readonly message: string;
  /** When it came into this state. */
  readonly atMs: number;
  /** By when a node that was told must be back; 0 for others. */
  readonly dueMs: number;
}

export function emptyRollouts(): Rollouts {
  return { keys: [], releases: new Map(), current: null };
}

/** The release that a node of this architecture would be given. */
export function releaseFor({ releases }: Rollouts, version: string, arch: string) {
  return releases.get(version)?.get(arch) ?? null;
}

/** Whether the rollout may still change anything. */
export function isOver({ state, busy }: Rollout): boolean {
  return state !== "active" && state !== "paused" && busy.size === 0;
}

/** What of the rollout the node needs. */
export function needOf(
  rollouts: Rollouts,
  { request }: Rollout,
  node: EnrolledNode,
): "nothing" | "update" | "release" {
  const { version, downgrade } = request;
  const { version: own, arch } = node.probed;
  if (node.bar !== null) return "nothing";
  const order = compareVersions(own, version);
  if (order === 0 || (order > 0 && !downgrade) || !isSelected(request, node)) return "nothing";
  return releaseFor(rollouts, version, arch) === null ? "release" : "update";
}

/** Changes `rollouts` as the event says. Comes after the fleet's own changes. */
export function applyRollouts(
  rollouts: Rollouts,
  fleet: FleetState,
  { atMs, event }: Recorded,
): void {
  switch (event.$case) {
    case "releaseKeyTrusted":
      if (event.value.key !== undefined) rollouts.keys.push(event.value.key);
      return;
    case "releasePublished":
      return applyPublished(rollouts, event.value, atMs);
    case "releaseRemoved":
      rollouts.releases.delete(event.value.version);
      return;
    case "rolloutStarted":
      return applyStarted(rollouts, fleet, event.value, atMs);
    case "rolloutChanged":
      return applyChanged(rollouts.current, event.value);
    case "nodeUpdateBegun": {
      const { node, fromVersion } = event.value;
      return put(rollouts.current, node, { ...begun, fromVersion, atMs });
    }
    case "nodeUpdateSent": {
      const { node } = event.value;
      const fromVersion = rollouts.current?.updates.get(node)?.fromVersion ?? "";
      const confirmMs = rollouts.current?.request.confirmMs ?? 0;
      const dueMs = atMs + rolloutLimits.updateMsMax + confirmMs;
      return put(rollouts.current, node, { ...begun, state: "sent", fromVersion, atMs, dueMs });
    }
    case "nodeUpdateEnded":
      return applyEnded(rollouts, fleet, event.value, atMs);
    case "nodeEnrolled":
    case "nodeConnected":
    case "nodeDisconnected":
    case "nodeLabelled":
    case "nodeFactsChanged":
    case "nodeRevoked":
    case "nodeQuarantined":
      return sort(rollouts, fleet, event.value.node);
    default:
  }
}

const begun = { state: "draining", code: "", message: "", dueMs: 0 } as const;

function applyPublished({ releases }: Rollouts, published: ReleasePublished, publishedMs: number) {
  const { signed, release } = published;
  if (signed === undefined || release === undefined) return;
  const ofVersion = entry(releases, release.version, () => new Map<string, Published>());
  ofVersion.set(release.arch, { signed, release, publishedMs });
}

/** As it is before any node was looked at. */
export function newRollout(request: RolloutStarted, startedMs: number): Rollout {
  return {
    request,
    startedMs,
    state: "active",
    reason: "",
    updates: new Map(),
    busy: new Set(),
    waiting: new Set(),
    away: new Set(),
    updated: 0,
    failures: 0,
  };
}

function applyStarted(
  rollouts: Rollouts,
  fleet: FleetState,
  request: RolloutStarted,
  startedMs: number,
): void {
  rollouts.current = newRollout(request, startedMs);
  for (const name of fleet.nodes.keys()) sort(rollouts, fleet, name);
}

function applyChanged(rollout: Rollout | null, { state, reason }: RolloutChanged): void {
  if (rollout === null) return;
  rollout.state = state as RolloutState;
  rollout.reason = reason;
  if (state === "active") rollout.failures = 0;
}

function applyEnded(
  rollouts: Rollouts,
  fleet: FleetState,
  { node, outcome, code, message }: NodeUpdateEnded,
  atMs: number,
): void {
  const rollout = rollouts.current;
  const before = rollout?.updates.get(node);
  if (rollout === null || before === undefined) return;
  if (before.state === "updated") rollout.updated--;
  rollout.busy.delete(node);
  if (outcome === "deferred") {
    rollout.updates.delete(node);
    return sort(rollouts, fleet, node);
  }
  if (outcome === "updated") rollout.updated++;
  else rollout.failures++;
  const state = outcome === "updated" ? "updated" : "failed";
  rollout.updates.set(node, { ...before, state, code, message, atMs, dueMs: 0 });
}

function put(rollout: Rollout | null, node: string, update: NodeUpdate): void {
  rollout?.updates.set(node, update);
  rollout?.busy.add(node);
  rollout?.waiting.delete(node);
  rollout?.away.delete(node);
}

/** Finds its place among those whose turn has not come. */
function sort(rollouts: Rollouts, fleet: FleetState, name: string): void {
  const rollout = rollouts.current;
  const node = fleet.nodes.get(name);
  if (rollout === null || isOver(rollout) || rollout.updates.has(name)) return;
  const isKnown = node !== undefined && node.state !== "invited";
  const needs = isKnown && needOf(rollouts, rollout, node) === "update";
  if (needs && node.state === "connected") rollout.waiting.add(name);
  else rollout.waiting.delete(name);
  if (needs && node.state !== "connected") rollout.away.add(name);
  else rollout.away.delete(name);
}
