import { lookalikeHint, skeleton } from "@cohort/proto/confusable";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { isName } from "@cohort/proto/subjects";
import type { Decision } from "../state/decision.ts";
import type { FleetState } from "./fleet.ts";
import { assertLabels } from "./labels.ts";

export interface InviteCommand {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly actor: string;
  /** ULID, new. */
  readonly invite: string;
  /** SHA-256 of the 32 random bytes that the join token carries. */
  readonly secretHash: Uint8Array;
}

/**
 * Invites a machine to enrol under a name. An invite to a name that has not enrolled yet takes the
 * place of the earlier one; a node that was kept out may come back with other keys. Throws
 * NAME_INVALID, NAME_CONFUSABLE, NODE_EXISTS, USAGE (labels).
 */
export function decideInvite(
  fleet: FleetState,
  command: InviteCommand,
  nowMs: number,
): Decision<{ readonly expiresMs: number }> {
  const { name, labels, actor, invite, secretHash } = command;
  if (!isName(name)) {
    throw refuse(
      "NAME_INVALID",
      `${JSON.stringify(name.slice(0, limits.nameLengthMax))} is no name for a node`,
      {
        hint: `Use 1 to ${limits.nameLengthMax} of a-z, 0-9 and -, with - neither first nor last.`,
      },
    );
  }
  const lookalike = fleet.looks.get(skeleton(name));
  if (lookalike !== undefined && lookalike !== name) {
    throw refuse("NAME_CONFUSABLE", `${name} can be taken for the node ${lookalike}`, {
      hint: lookalikeHint,
    });
  }
  const standing = fleet.nodes.get(name);
  if (standing !== undefined && standing.state !== "invited" && standing.bar === null) {
    throw refuse("NODE_EXISTS", `a node named ${name} is enrolled`, {
      hint: `Choose another name; to put another board in its place: cohort node revoke ${name}`,
    });
  }
  assertLabels(labels);
  const expiresMs = nowMs + limits.joinTokenLifetimeMs;
  const value = { actor, invite, secretHash, node: name, labels: { ...labels }, expiresMs };
  return { events: [{ $case: "nodeInvited", value }], value: { expiresMs } };
}
