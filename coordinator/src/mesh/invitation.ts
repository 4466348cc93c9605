import { encodeJoinToken } from "@cohort/proto/join-token";
import { decideInvite } from "../fleet/decide-invite.ts";
import { type Credentials, createUserKey } from "./credentials.ts";
import { meshLimits } from "./limits.ts";
import type { DecideFleet } from "./membership.ts";

export interface InvitationOptions {
  readonly decide: DecideFleet;
  readonly credentials: Credentials;
  /** SHA-256 of the mesh's root certificate (DER), hex. */
  readonly rootFingerprint: string;
  /** Ed25519 public key that signs dispatches and tokens. */
  readonly coordinatorKey: Uint8Array;
  /** "host:port" of nats-server, as machines reach it. */
  readonly servers: readonly string[];
  readonly sha256: (bytes: Uint8Array) => Uint8Array;
  readonly randomBytes: (count: number) => Uint8Array;
  readonly newUlid: () => string;
}

export interface Invitation {
  /** The one line for the machine; the secret in it is kept nowhere else. */
  readonly joinToken: string;
  readonly expiresMs: number;
}

/** Invites a machine to enrol as `name`. Throws what decideInvite throws. */
export type InviteNode = (
  name: string,
  labels: Readonly<Record<string, string>>,
  actor: string,
) => Promise<Invitation>;

export function createInviter(options: InvitationOptions): InviteNode {
  const {
    decide,
    credentials,
    rootFingerprint,
    coordinatorKey,
    servers,
    sha256,
    randomBytes,
    newUlid,
  } = options;
  return async (name, labels, actor) => {
    const invite = newUlid();
    const secret = randomBytes(32);
    const command = { name, labels, actor, invite, secretHash: sha256(secret) };
    const { expiresMs } = await decide((fleet, nowMs) => decideInvite(fleet, command, nowMs));
    const user = createUserKey();
    const answeredMs = expiresMs + meshLimits.inviteAnswerMs;
    const userJwt = await credentials.issueInviteJwt(invite, user.publicKey, answeredMs);
    const joinToken = encodeJoinToken({
      node: name,
      servers,
      rootFingerprint,
      coordinatorKey: Buffer.from(coordinatorKey).toString("hex"),
      invite,
      secret: Buffer.from(secret).toString("base64url"),
      userJwt,
      userSeed: user.seed,
    });
    return { joinToken, expiresMs };
  };
}
