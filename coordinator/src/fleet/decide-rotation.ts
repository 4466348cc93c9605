import { refuse } from "@cohort/proto/problem";
import { rotateProof } from "@cohort/proto/proof";
import { type Decision, nothing } from "../state/decision.ts";
import type { Event } from "../state/event.ts";
import { barred } from "./barred.ts";
import { equalBytes, toHex } from "./bytes.ts";
import { enrolledNode } from "./decide-cordon.ts";
import type { EnrolledNode, FleetState, NodeKeys } from "./fleet.ts";
import { fleetLimits } from "./limits.ts";

/** Ed25519; false for whatever is not canonical or of low order. */
export type Verify = (message: Uint8Array, signature: Uint8Array, publicKey: Uint8Array) => boolean;

export interface RotateCommand extends NodeKeys {
  /** Each over rotateProof: by the sign key that is replaced, and by those that take its place. */
  readonly formerProof: Uint8Array;
  readonly proof: Uint8Array;
  readonly natsProof: Uint8Array;
  /** Whether tokens can be sealed to the box key. */
  readonly boxKeySound: boolean;
}

/**
 * A node has other keys from now on; its former ones prove them. The value is the NATS key that it is
 * to be given a credential for. Asked again with the same keys, nothing changes. Throws NODE_UNKNOWN,
 * NODE_REVOKED, NODE_QUARANTINED, ENROL_PROOF_INVALID, FORBIDDEN, NODE_KEYS_ROTATING,
 * NODE_KEY_REGISTERED.
 */
export function decideRotate(
  fleet: FleetState,
  name: string,
  command: RotateCommand,
  { verify, nowMs }: { readonly verify: Verify; readonly nowMs: number },
): Decision<Uint8Array> {
  const node = enrolledNode(fleet, name);
  if (node.bar !== null) throw barred(node.bar);
  const { natsKey, signKey, boxKey } = command;
  const replaced = replacedKeys(node, command);
  if (!proves(name, command, replaced, verify)) {
    throw refuse("ENROL_PROOF_INVALID", "the node did not prove its new keys by its former ones");
  }
  if (equalKeys(node.keys, command)) return nothing(natsKey);
  if (node.former !== null && node.former.untilMs > 0) {
    throw refuse("NODE_KEYS_ROTATING", `the former keys of ${name} are still good`);
  }
  if ([natsKey, signKey, boxKey].some((key) => fleet.keyOwners.has(toHex(key)))) {
    throw refuse("NODE_KEY_REGISTERED", "one of the keys belongs, or belonged, to a node");
  }
  // Whoever copied the keys could lock the node out with others.
  if (node.former === null && !wantsRotation(node, nowMs)) {
    throw refuse("FORBIDDEN", `nobody asked ${name} for other keys`);
  }
  // Keys that nobody has used are replaced at once: whoever made them has lost them.
  const natsKeys = node.former === null ? [] : [node.keys.natsKey];
  const value = { node: name, natsKey, signKey, boxKey, natsKeys };
  return { events: [{ $case: "nodeKeysRotated", value }], value: natsKey };
}

/** An operator wants other keys. The value tells whether anything changes. As decideRotate throws. */
export function decideRotationAsked(
  fleet: FleetState,
  { node: name, actor }: { readonly node: string; readonly actor: string },
): Decision<boolean> {
  const node = enrolledNode(fleet, name);
  if (node.bar !== null) throw barred(node.bar);
  if (node.former !== null) {
    throw refuse("NODE_KEYS_ROTATING", `the former keys of ${name} are still good`, {
      hint: `\`cohort node show ${name}\` says until when.`,
    });
  }
  if (node.rotationAsked) return nothing(false);
  return { events: [{ $case: "nodeRotationAsked", value: { actor, node: name } }], value: true };
}

/** Former keys whose time is over. */
export function decideRetired(fleet: FleetState, nowMs: number): Decision<void> {
  const due = [...fleet.overlaps].filter(([, untilMs]) => nowMs >= untilMs);
  const events = due.map(([name]): Event => {
    const { former } = enrolledNode(fleet, name);
    const natsKeys = former === null ? [] : [former.natsKey];
    return { $case: "nodeKeysRetired", value: { node: name, natsKeys } };
  });
  return { events, value: undefined };
}

/** Whether the node is to be told, at its hello, to make other keys. */
export function wantsRotation(node: EnrolledNode, nowMs: number): boolean {
  if (node.former !== null) return false;
  return node.rotationAsked || nowMs - node.keysSinceMs >= fleetLimits.keyAgeMsMax;
}

/**
 * Which of the node's keys made the signature; null for neither.
 */
export function keysThatSigned(
  { keys, former }: EnrolledNode,
  signed: (key: Uint8Array) => boolean,
): NodeKeys | null {
  if (signed(keys.signKey)) return keys;
  return former !== null && signed(former.signKey) ? former : null;
}

/** The node has used its present keys: from then on it needs no others. */
export function confirmation(
  { node, keys, former }: EnrolledNode,
  used: NodeKeys,
  formerUntilMs: number,
): Event[] {
  if (used !== keys || former === null || former.untilMs > 0) return [];
  return [{ $case: "nodeKeysConfirmed", value: { node, formerUntilMs } }];
}

/** A repetition was signed by what was current then, and so is what replaces keys nobody used. */
function replacedKeys({ keys, former }: EnrolledNode, command: NodeKeys): NodeKeys {
  const unused = former !== null && former.untilMs === 0;
  return former !== null && (unused || equalKeys(keys, command)) ? former : keys;
}

function proves(
  node: string,
  command: RotateCommand,
  { signKey: formerSignKey }: NodeKeys,
  verify: Verify,
): boolean {
  const { natsKey, signKey, boxKey, formerProof, proof, natsProof, boxKeySound } = command;
  const message = rotateProof({ node, formerSignKey, natsKey, signKey, boxKey });
  return (
    verify(message, formerProof, formerSignKey) &&
    verify(message, proof, signKey) &&
    verify(message, natsProof, natsKey) &&
    !equalBytes(natsKey, signKey) &&
    boxKeySound
  );
}

function equalKeys(a: NodeKeys, b: NodeKeys): boolean {
  return (
    equalBytes(a.natsKey, b.natsKey) &&
    equalBytes(a.signKey, b.signKey) &&
    equalBytes(a.boxKey, b.boxKey)
  );
}
