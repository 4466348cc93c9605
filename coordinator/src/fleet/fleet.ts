import { skeleton } from "@cohort/proto/confusable";
import type {
  NodeCordoned,
  NodeDeviceGranted,
  NodeDeviceUngranted,
  NodeEnrolled,
  NodeGreeted,
  NodeInvited,
  NodeLabelled,
  NodeRevoked,
} from "@cohort/proto/gen/cohort/ledger";
import { Facts } from "@cohort/proto/gen/cohort/node";
import type { Recorded } from "../state/event.ts";
import { toHex } from "./bytes.ts";
import { differenceOf, factsUnder } from "./labels.ts";
import { fleetLimits } from "./limits.ts";
import { applyRotation } from "./rotation.ts";

/** Which machines belong to the mesh, and which of them are there. A function of the log. */
export interface FleetState {
  readonly nodes: Map<string, FleetNode>;
  /** By invite id. Closed ones stay: whoever shows them is told why. */
  readonly invites: Map<string, Invite>;
  /** Name of the node that each registered key belongs to, by the key in hex. */
  readonly keyOwners: Map<string, string>;
  /** What each name looks like, and whose it is: nobody else may be invited under it. */
  readonly looks: Map<string, string>;
  /** Since when a NATS key is worth nothing any more, by the key in hex. */
  readonly voidKeys: Map<string, number>;
  /** Nodes whose former keys are to be retired, and when. */
  readonly overlaps: Map<string, number>;
  /** Grows whenever a selector or requirement may give another answer than before. */
  generation: number;
  /** Grows whenever one may that reads what moves by itself, as a temperature does. */
  readings: number;
}

export type FleetNode = InvitedNode | EnrolledNode;

interface NodeDescription {
  readonly node: string;
  readonly labels: Readonly<Record<string, string>>;
  /** What the node said of itself, under the labels; all fields empty before it has enrolled. */
  readonly facts: Facts;
  /** Time of the last event in the log that shows it present; 0 when there is none. */
  readonly seenMs: number;
}

/** Expected, never seen. */
export interface InvitedNode extends NodeDescription {
  readonly state: "invited";
  readonly invite: string;
}

export interface EnrolledNode extends NodeDescription {
  readonly state: "connected" | "disconnected";
  /** What it said, whatever the labels. */
  readonly probed: Facts;
  readonly keys: NodeKeys;
  /** Since when these are its keys. */
  readonly keysSinceMs: number;
  /** Those before, while they are still good. */
  readonly former: FormerKeys | null;
  /** An operator wants other keys. */
  readonly rotationAsked: boolean;
  /** Why it is kept out for good; null for a node that may connect. */
  readonly bar: Bar | null;
  /** Number of its latest session; 0 before the first. */
  readonly session: number;
  /** The process that was greeted last; "" before the first. */
  readonly instance: string;
  /** Processes that others followed, the latest first. None of them can live any more. */
  readonly formerInstances: readonly string[];
  /** Null while the node is given work. */
  readonly cordon: Cordon | null;
  /** Its agent is being updated, so it is given no new work. */
  readonly updating: boolean;
  /** Attempts that an operator lets it have at once; 0 for as many as it says. */
  readonly slotsMax: number;
  /** By device, what steps may do with it there. */
  readonly devices: ReadonlyMap<string, NodeDevice>;
  /** Number of the node's last event that told of something written to a device. */
  readonly actuatedSeq: number;
}

/** An operator's word on a device of a node. */
export interface NodeDevice {
  readonly actuates: boolean;
  /** Of a GPIO chip, the only ones; [] for all. */
  readonly lines: readonly number[];
  /** Whether only steps with an `approve` step before them may actuate it. */
  readonly requireApproval: boolean;
  readonly actor: string;
  readonly sinceMs: number;
}

/** Nothing that the node sends is heard. Only another enrolment, with other keys, ends it. */
export interface Bar {
  readonly code: "NODE_REVOKED" | "NODE_QUARANTINED";
  readonly reason: string;
  /** "" when nobody did it. */
  readonly actor: string;
  readonly sinceMs: number;
}

/** An operator's word that a node is to be given no new work. */
export interface Cordon {
  readonly reason: string;
  readonly actor: string;
  readonly sinceMs: number;
  /** When what runs there is ended; 0 for never. */
  readonly drainByMs: number;
  /** Since when nothing runs there; 0 while something does, or where no drain was asked for. */
  readonly drainedMs: number;
}

/** Public keys, 32 bytes each; EnrolRequest says what each is for. */
export interface NodeKeys {
  readonly natsKey: Uint8Array;
  readonly signKey: Uint8Array;
  readonly boxKey: Uint8Array;
}

export interface FormerKeys extends NodeKeys {
  /** When they are good no more; 0 until the node has used those that took their place. */
  readonly untilMs: number;
}

export interface Invite {
  readonly invite: string;
  readonly node: string;
  readonly secretHash: Uint8Array;
  readonly expiresMs: number;
  readonly state: "open" | "used" | "replaced" | "revoked";
  /** Refused attempts that are in the log. */
  readonly refusals: number;
}

/** Whether the node may be given work, if it has room for it. */
export function isAvailable(node: FleetNode | undefined): node is EnrolledNode {
  return node?.state === "connected" && node.cordon === null && !node.updating;
}

/** The process that speaks for the node; "" for none. */
export function instanceOf({ nodes }: FleetState, name: string): string {
  const node = nodes.get(name);
  return node === undefined || node.state === "invited" ? "" : node.instance;
}

/** Attempts that the node may have at once. */
export function slotsOf({ facts, slotsMax }: EnrolledNode): number {
  return slotsMax === 0 ? facts.slots : Math.min(facts.slots, slotsMax);
}

/** Whether the node is still to be told that nothing runs there any more. */
export function isDraining(node: FleetNode | undefined): node is EnrolledNode {
  const cordon = node === undefined || node.state === "invited" ? null : node.cordon;
  return cordon !== null && cordon.drainByMs > 0 && cordon.drainedMs === 0;
}

export function emptyFleet(): FleetState {
  return {
    nodes: new Map(),
    invites: new Map(),
    keyOwners: new Map(),
    looks: new Map(),
    voidKeys: new Map(),
    overlaps: new Map(),
    generation: 0,
    readings: 0,
  };
}

/** Changes `fleet` as the event says; events of other concerns change nothing. */
export function applyFleet(fleet: FleetState, { atMs, event }: Recorded): void {
  switch (event.$case) {
    case "nodeInvited":
      return applyInvited(fleet, event.value);
    case "nodeEnrolled":
      return applyEnrolled(fleet, event.value, atMs);
    case "enrolRefused":
      return applyRefused(fleet, event.value.invite);
    case "nodeRevoked":
      return applyRevoked(fleet, event.value, atMs);
    case "nodeQuarantined": {
      const { node, natsKeys } = event.value;
      const reason = "two machines use its keys";
      const bar: Bar = { code: "NODE_QUARANTINED", reason, actor: "", sinceMs: atMs };
      return barNode(fleet, node, natsKeys, bar);
    }
    case "nodeRotationAsked":
      return changeEnrolled(fleet, event.value.node, (node) => ({ ...node, rotationAsked: true }));
    case "nodeKeysRotated":
    case "nodeKeysConfirmed":
    case "nodeKeysRetired":
      return applyRotation(fleet, event, atMs);
    case "nodeGreeted":
      return applyGreeted(fleet, event.value);
    case "nodeConnected":
      changeEnrolled(fleet, event.value.node, (node) => ({
        ...node,
        state: "connected",
        seenMs: atMs,
      }));
      return applyFacts(fleet, event.value.node, event.value.facts);
    case "nodeFactsChanged":
      return applyFacts(fleet, event.value.node, event.value.facts);
    case "nodeLabelled":
      return applyLabelled(fleet, event.value);
    case "nodeDisconnected":
      return changeEnrolled(fleet, event.value.node, (node) => ({
        ...node,
        state: "disconnected",
      }));
    case "nodeSessionBegun":
      return changeEnrolled(fleet, event.value.node, (node) => ({
        ...node,
        session: event.value.session,
      }));
    case "nodeCordoned":
      return applyCordoned(fleet, event.value, atMs);
    case "nodeUncordoned":
      return changeEnrolled(fleet, event.value.node, (node) => ({ ...node, cordon: null }));
    case "nodeUpdateBegun":
    case "nodeUpdateEnded":
      return changeEnrolled(fleet, event.value.node, (node) => ({
        ...node,
        updating: event.$case === "nodeUpdateBegun",
      }));
    case "nodeSlotsSet":
      return changeEnrolled(fleet, event.value.node, (node) => ({
        ...node,
        slotsMax: event.value.slots,
      }));
    case "nodeDeviceGranted":
      return applyDeviceGranted(fleet, event.value, atMs);
    case "nodeDeviceUngranted":
      return applyDeviceUngranted(fleet, event.value);
    case "deviceActuated":
      return changeEnrolled(fleet, event.value.node, (node) => ({
        ...node,
        actuatedSeq: event.value.nodeSeq,
      }));
    case "nodeDrained":
      return changeEnrolled(fleet, event.value.node, (node) => ({
        ...node,
        cordon: node.cordon === null ? null : { ...node.cordon, drainedMs: atMs },
      }));
    default:
  }
}

function applyInvited(fleet: FleetState, invited: NodeInvited): void {
  const before = fleet.nodes.get(invited.node);
  if (before?.state === "invited") closeInvite(fleet, before.invite, "replaced");
  const { invite, node, secretHash, expiresMs, labels } = invited;
  fleet.looks.set(skeleton(node), node);
  fleet.invites.set(invite, { invite, node, secretHash, expiresMs, state: "open", refusals: 0 });
  const facts = Facts.fromPartial({});
  fleet.nodes.set(node, { state: "invited", node, labels, facts, seenMs: 0, invite });
}

function applyEnrolled(fleet: FleetState, enrolled: NodeEnrolled, atMs: number): void {
  const { invite, node, natsKey, signKey, boxKey } = enrolled;
  const labels = fleet.nodes.get(node)?.labels ?? {};
  const probed = enrolled.facts ?? Facts.fromPartial({});
  closeInvite(fleet, invite, "used");
  fleet.generation++;
  for (const key of [natsKey, signKey, boxKey]) fleet.keyOwners.set(toHex(key), node);
  fleet.nodes.set(node, {
    state: "disconnected",
    node,
    labels,
    probed,
    facts: factsUnder(labels, probed),
    seenMs: atMs,
    keys: { natsKey, signKey, boxKey },
    keysSinceMs: atMs,
    former: null,
    rotationAsked: false,
    bar: null,
    session: 0,
    instance: "",
    formerInstances: [],
    cordon: null,
    updating: false,
    slotsMax: 0,
    devices: new Map(),
    actuatedSeq: 0,
  });
}

/** Selectors are looked at anew only where what they may read is another. */
function applyFacts(fleet: FleetState, name: string, probed: Facts | undefined): void {
  changeEnrolled(fleet, name, (node) => {
    if (probed === undefined) return node;
    const facts = factsUnder(node.labels, probed);
    const difference = differenceOf(node.facts, facts);
    if (difference === "facts") fleet.generation++;
    if (difference !== "none") fleet.readings++;
    return { ...node, probed, facts };
  });
}

function applyLabelled(fleet: FleetState, { node: name, set, removed }: NodeLabelled): void {
  changeEnrolled(fleet, name, (node) => {
    fleet.generation++;
    const kept = Object.entries(node.labels).filter(([label]) => !removed.includes(label));
    const labels = { ...Object.fromEntries(kept), ...set };
    return { ...node, labels, facts: factsUnder(labels, node.probed) };
  });
}

/** Of a node that never enrolled nothing is left but the knowledge that its invite was revoked. */
function applyRevoked(fleet: FleetState, revoked: NodeRevoked, atMs: number): void {
  const { node: name, reason, actor } = revoked;
  const node = fleet.nodes.get(name);
  if (node?.state === "invited") {
    closeInvite(fleet, node.invite, "revoked");
    fleet.nodes.delete(name);
    fleet.looks.delete(skeleton(name));
    return;
  }
  const bar: Bar = { code: "NODE_REVOKED", reason, actor, sinceMs: atMs };
  barNode(fleet, name, revoked.natsKeys, bar);
}

function barNode(fleet: FleetState, name: string, natsKeys: readonly Uint8Array[], bar: Bar): void {
  fleet.generation++;
  for (const key of natsKeys) fleet.voidKeys.set(toHex(key), bar.sinceMs);
  fleet.overlaps.delete(name);
  changeEnrolled(fleet, name, (it) => ({ ...it, state: "disconnected", former: null, bar }));
}

function applyDeviceGranted(
  fleet: FleetState,
  { node: name, grant, requireApproval, actor }: NodeDeviceGranted,
  atMs: number,
): void {
  if (grant === undefined) return;
  fleet.generation++;
  const { device, access, lines } = grant;
  const granted = { actuates: access === "actuate", lines, requireApproval, actor, sinceMs: atMs };
  changeEnrolled(fleet, name, (node) => ({
    ...node,
    devices: new Map([...node.devices, [device, granted]]),
  }));
}

function applyDeviceUngranted(
  fleet: FleetState,
  { node: name, device }: NodeDeviceUngranted,
): void {
  fleet.generation++;
  changeEnrolled(fleet, name, (node) => ({
    ...node,
    devices: new Map([...node.devices].filter(([it]) => it !== device)),
  }));
}

function applyGreeted(fleet: FleetState, { node: name, instance }: NodeGreeted): void {
  changeEnrolled(fleet, name, (node) => {
    const former = node.instance === "" ? [] : [node.instance];
    const all = [...former, ...node.formerInstances];
    return { ...node, instance, formerInstances: all.slice(0, fleetLimits.instancesRememberedMax) };
  });
}

/** A new reason alone takes nothing back of a drain that goes on, or is over. */
function applyCordoned(fleet: FleetState, cordoned: NodeCordoned, atMs: number): void {
  const { node: name, reason, actor, drainByMs } = cordoned;
  changeEnrolled(fleet, name, (node) => {
    const drainedMs = node.cordon?.drainByMs === drainByMs ? node.cordon.drainedMs : 0;
    return { ...node, cordon: { reason, actor, sinceMs: atMs, drainByMs, drainedMs } };
  });
}

function applyRefused(fleet: FleetState, id: string): void {
  const invite = fleet.invites.get(id);
  if (invite === undefined) return;
  fleet.invites.set(id, { ...invite, refusals: invite.refusals + 1 });
}

function closeInvite(fleet: FleetState, id: string, state: Invite["state"]): void {
  const invite = fleet.invites.get(id);
  if (invite !== undefined) fleet.invites.set(id, { ...invite, state });
}

export function changeEnrolled(
  fleet: FleetState,
  name: string,
  change: (node: EnrolledNode) => EnrolledNode,
): void {
  const node = fleet.nodes.get(name);
  if (node !== undefined && node.state !== "invited") fleet.nodes.set(name, change(node));
}
