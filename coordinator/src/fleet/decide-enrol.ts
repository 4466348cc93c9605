import type { ErrorCode } from "@cohort/proto/errors";
import type { Facts } from "@cohort/proto/gen/cohort/node";
import { type Problem, problem } from "@cohort/proto/problem";
import { type Decision, nothing } from "../state/decision.ts";
import { equalBytes, toHex } from "./bytes.ts";
import type { FleetState, Invite, NodeKeys } from "./fleet.ts";
import { fleetLimits } from "./limits.ts";

export interface EnrolCommand extends NodeKeys {
  readonly invite: string;
  /** SHA-256 of the secret that the machine showed. */
  readonly secretHash: Uint8Array;
  readonly facts: Facts;
  /** Whether each key that can sign did over enrolProof, and the keys are sound. */
  readonly proofValid: boolean;
}

/** A refusal is a value, not an exception: it is recorded before it is told. */
export type EnrolOutcome =
  | { readonly kind: "enrolled"; readonly node: string }
  | { readonly kind: "refused"; readonly problem: Problem };

/**
 * Admits a machine once for each invite. The machine that was admitted may ask again while the
 * invite lasts (its answer may have been lost) and is given the same answer. Refusals:
 * INVITE_INVALID, INVITE_USED, INVITE_EXPIRED, INVITE_REVOKED, ENROL_PROOF_INVALID,
 * NODE_KEY_REGISTERED, ISOLATION_INSUFFICIENT.
 */
export function decideEnrol(
  fleet: FleetState,
  command: EnrolCommand,
  nowMs: number,
): Decision<EnrolOutcome> {
  const invite = fleet.invites.get(command.invite);
  // To whoever does not know the secret, no invite shows a difference to one that never was.
  if (invite === undefined || !equalBytes(invite.secretHash, command.secretHash)) {
    return refused(command, invite, inviteInvalid);
  }
  const again = command.proofValid && isSameMachine(fleet, invite, command);
  if (again && nowMs < invite.expiresMs) return nothing({ kind: "enrolled", node: invite.node });
  const closed = closedBy(invite, nowMs);
  if (closed !== null) return refused(command, invite, closed);
  if (!command.proofValid) return refused(command, invite, proofInvalid);
  if (isRegistered(fleet, command)) return refused(command, invite, keyRegistered);
  if (!isolates(command.facts)) return refused(command, invite, isolationInsufficient);
  const { natsKey, signKey, boxKey, facts } = command;
  const value = { invite: invite.invite, node: invite.node, natsKey, signKey, boxKey, facts };
  return {
    events: [{ $case: "nodeEnrolled", value }],
    value: { kind: "enrolled", node: invite.node },
  };
}

/** Whether this kernel confines steps; what a newer agent may say beyond these is not trusted. */
export function isolates(facts: Facts): boolean {
  return facts.isolation === "strict" || facts.isolation === "standard";
}

/** Null while the invite is open. */
function closedBy({ state, expiresMs }: Invite, nowMs: number): Refusal | null {
  switch (state) {
    case "used":
      return inviteUsed;
    case "replaced":
    case "revoked":
      return inviteRevoked;
    case "open":
      return nowMs < expiresMs ? null : inviteExpired;
  }
}

function isSameMachine(fleet: FleetState, invite: Invite, keys: NodeKeys): boolean {
  const node = fleet.nodes.get(invite.node);
  if (invite.state !== "used" || node === undefined || node.state === "invited") return false;
  if (node.bar !== null) return false;
  return (
    equalBytes(node.keys.natsKey, keys.natsKey) &&
    equalBytes(node.keys.signKey, keys.signKey) &&
    equalBytes(node.keys.boxKey, keys.boxKey)
  );
}

function isRegistered(fleet: FleetState, { natsKey, signKey, boxKey }: NodeKeys): boolean {
  return [natsKey, signKey, boxKey].some((key) => fleet.keyOwners.has(toHex(key)));
}

interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string;
}

const askAnew = "Ask for a new one: cohort node invite --name NAME";
const inviteInvalid: Refusal = {
  code: "INVITE_INVALID",
  message: "the join token is not one that this mesh gave out",
  hint: askAnew,
};
const inviteUsed: Refusal = {
  code: "INVITE_USED",
  message: "another machine has joined with the join token",
  hint: "If that was none of yours: cohort node revoke NAME",
};
const inviteExpired: Refusal = {
  code: "INVITE_EXPIRED",
  message: "the join token has expired",
  hint: askAnew,
};
const inviteRevoked: Refusal = {
  code: "INVITE_REVOKED",
  message: "the join token was revoked, or a later one took its place",
  hint: askAnew,
};
const proofInvalid: Refusal = {
  code: "ENROL_PROOF_INVALID",
  message: "the machine did not prove that it holds its keys",
  hint: "",
};
const keyRegistered: Refusal = {
  code: "NODE_KEY_REGISTERED",
  message: "one of the keys belongs, or belonged, to a node",
  hint: "Remove the agent's data folder, so that it makes new keys; a copied disk has old ones.",
};
const isolationInsufficient: Refusal = {
  code: "ISOLATION_INSUFFICIENT",
  message: "the machine's kernel cannot isolate steps",
  hint: "`cohort-agent probe` on the machine lists what is missing.",
};

function refused(
  command: EnrolCommand,
  invite: Invite | undefined,
  { code, message, hint }: Refusal,
): Decision<EnrolOutcome> {
  const value: EnrolOutcome = { kind: "refused", problem: problem(code, message, { hint }) };
  if (invite !== undefined && invite.refusals >= fleetLimits.refusalsRecordedMax)
    return nothing(value);
  return { events: [{ $case: "enrolRefused", value: { invite: command.invite, code } }], value };
}
