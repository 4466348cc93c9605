import { limits } from "@cohort/proto/limits";
import { subjects } from "@cohort/proto/subjects";
import { encodeUser, type User } from "@nats-io/jwt";
import { createUser } from "@nats-io/nkeys";
import { meshLimits } from "./limits.ts";
import { keyPairOf, userPublicKey } from "./nkey.ts";

/**
 * Issues the NATS user JWTs of the mesh's account: what each holder may say and hear on the bus.
 */
export interface Credentials {
  /**
   * For `natsKey`, 32 bytes. Ends after meshLimits.nodeCredentialLifetimeMs; each hello brings a
   * new one.
   */
  issueNodeJwt(node: string, natsKey: Uint8Array, nowMs: number): Promise<string>;
  /** For "U...", a key made for this invite alone. Ends with the invite. */
  issueInviteJwt(invite: string, userPublicKey: string, expiresMs: number): Promise<string>;
}

/** How the coordinator itself signs in. */
export interface UserCredential {
  readonly jwt: string;
  /** nkey seed, "SU...". */
  readonly seed: Uint8Array;
}

/** `accountSeed` is the nkey seed ("SA...") of the mesh's account. */
export function createCredentials(accountSeed: Uint8Array): Credentials {
  const account = keyPairOf(accountSeed);
  return {
    issueNodeJwt(node, natsKey, nowMs) {
      const exp = seconds(nowMs + meshLimits.nodeCredentialLifetimeMs);
      return encodeUser(node, userPublicKey(natsKey), account, nodeRights(node), { exp });
    },
    issueInviteJwt(invite, user, expiresMs) {
      return encodeUser(invite, user, account, inviteRights(invite), { exp: seconds(expiresMs) });
    },
  };
}

/**
 * The coordinator's credential. It ends with the process that holds it, so it has no expiry. A
 * reply goes to an inbox whose name NATS cannot match by a pattern, hence publishing is open but
 * for the subjects that command the server or speak for a node.
 */
export async function issueCoordinatorCredential(
  accountSeed: Uint8Array,
  userSeed: Uint8Array,
): Promise<UserCredential> {
  const user = keyPairOf(userSeed).getPublicKey();
  const jwt = await encodeUser("coordinator", user, keyPairOf(accountSeed), {
    pub: { allow: [">"], deny: ["$SYS.>", "$JS.>", "mesh.up.>", "mesh.enrol.>"] },
    sub: { allow: ["mesh.up.>", subjects.everyEnrol] },
    payload: limits.messageBytesMax,
    allowed_connection_types: ["STANDARD"],
  });
  return { jwt, seed: userSeed };
}

/** Bucket of JetStream's object store that holds artifacts. */
export const artifactBucket = "artifacts";

/**
 * Rights to the bucket of artifacts and to nothing else, for a user that lives as long as the process.
 * The coordinator's own connection, which answers nodes, has none to JetStream.
 */
export async function issueArtifactCredential(accountSeed: Uint8Array): Promise<UserCredential> {
  const user = createUser();
  const stream = `OBJ_${artifactBucket}`;
  const api = ["STREAM.*", "STREAM.MSG.*", "DIRECT.GET", "CONSUMER.*"].flatMap((verb) => [
    `$JS.API.${verb}.${stream}`,
    `$JS.API.${verb}.${stream}.>`,
  ]);
  const jwt = await encodeUser("artifacts", user.getPublicKey(), keyPairOf(accountSeed), {
    pub: { allow: ["$JS.API.INFO", ...api, "$JS.FC.>", `$O.${artifactBucket}.>`] },
    sub: { allow: [`_INBOX_${artifactBucket}.>`] },
    payload: limits.messageBytesMax,
    allowed_connection_types: ["STANDARD"],
  });
  return { jwt, seed: user.getSeed() };
}

/** Rights to give nats-server a newer JWT of an account, for a user that lives as long as the process. */
export async function issueAccessCredential(
  systemAccountSeed: Uint8Array,
): Promise<UserCredential> {
  const user = createUser();
  const jwt = await encodeUser("access", user.getPublicKey(), keyPairOf(systemAccountSeed), {
    pub: { allow: [claimsUpdateSubject] },
    sub: { allow: [`${accessInboxPrefix}.>`] },
    payload: limits.messageBytesMax,
    allowed_connection_types: ["STANDARD"],
  });
  return { jwt, seed: user.getSeed() };
}

/** https://docs.nats.io/running-a-nats-service/configuration/sys_accounts */
export const claimsUpdateSubject = "$SYS.REQ.CLAIMS.UPDATE";
export const accessInboxPrefix = "_INBOX_access";

/** A new user: its public key, and the seed that a join token carries. */
export function createUserKey(): { readonly publicKey: string; readonly seed: string } {
  const pair = createUser();
  return { publicKey: pair.getPublicKey(), seed: new TextDecoder().decode(pair.getSeed()) };
}

function nodeRights(node: string): Partial<User> {
  return {
    ...common,
    pub: { allow: [`mesh.up.${node}.>`] },
    sub: { allow: [`mesh.down.${node}.>`, `${subjects.inboxPrefix(node)}.>`] },
  };
}

function inviteRights(invite: string): Partial<User> {
  return {
    ...common,
    pub: { allow: [subjects.enrol(invite)] },
    sub: { allow: [`${subjects.inboxPrefix(invite)}.>`] },
  };
}

const common: Partial<User> = {
  subs: meshLimits.nodeSubscriptionsMax,
  payload: limits.messageBytesMax,
  allowed_connection_types: ["STANDARD"],
};

/** JWTs count in whole seconds (RFC 7519 §2). */
function seconds(ms: number): number {
  return Math.floor(ms / 1000);
}
