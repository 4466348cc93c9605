import { EnrolReply, EnrolRequest, type Facts } from "@cohort/proto/gen/cohort/node";
import { decodeJoinToken, type JoinToken } from "@cohort/proto/join-token";
import { CohortError, refuse } from "@cohort/proto/problem";
import { enrolProof } from "@cohort/proto/proof";
import { isName, subjects } from "@cohort/proto/subjects";
import { fromBase64Url, fromHex } from "./bytes.ts";
import { assertIsolation, defaultSlots, nodeFacts } from "./facts.ts";
import type { Host } from "./host.ts";
import {
  createIdentity,
  deriveKeys,
  type Enrolment,
  type Keys,
  loadIdentity,
  saveIdentity,
} from "./identity.ts";
import { agentLimits } from "./limits.ts";
import type { Bus, ConnectBus } from "./mesh/bus.ts";
import { decodeUserSeed } from "./mesh/nkey.ts";

/**
 * Enrols this machine with a join token and stores its identity; resolves with the node's name.
 * The keys are on the disk before the token is used, so that a join that was cut off can be tried
 * again with the same keys. Throws INVITE_INVALID, INVITE_EXPIRED, INVITE_FOREIGN, NODE_EXISTS,
 * UNREACHABLE, ISOLATION_INSUFFICIENT, or what the coordinator answered.
 */
export async function join(
  host: Host,
  tokenText: string,
  dataDirectory: string,
  connect: ConnectBus,
): Promise<string> {
  assertIsolation(host);
  const token = decodeJoinToken(tokenText);
  const coordinatorKey = fromHex(token.coordinatorKey);
  if (coordinatorKey?.length !== 32) throw refuse("INVITE_INVALID", "the join token is damaged");
  const identity = loadIdentity(host, dataDirectory) ?? createIdentity(host);
  if (identity.enrolment !== null) {
    throw refuse("NODE_EXISTS", `this machine is the node ${identity.enrolment.node} already`, {
      hint: `Delete ${dataDirectory} to make it another.`,
    });
  }
  saveIdentity(host, dataDirectory, identity);
  const bus = await connectAny(host, token, connect);
  try {
    const enrolment = await enrol(
      host,
      token,
      coordinatorKey,
      deriveKeys(host, identity.seeds),
      nodeFacts(host, defaultSlots(host), dataDirectory, ""),
      bus,
    );
    saveIdentity(host, dataDirectory, { ...identity, enrolment });
    return enrolment.node;
  } finally {
    await bus.close();
  }
}

async function connectAny(host: Host, token: JoinToken, connect: ConnectBus): Promise<Bus> {
  const seed = decodeUserSeed(token.userSeed);
  const fingerprint = fromHex(token.rootFingerprint);
  if (seed === null || fingerprint?.length !== 32) {
    throw refuse("INVITE_INVALID", "the join token is damaged");
  }
  const { secretKey } = host.crypto.signKeyPair(seed);
  const credential = {
    owner: token.invite,
    userJwt: token.userJwt,
    secretKey,
    trust: { fingerprint },
  };
  let failure: unknown = refuse("INVITE_INVALID", "the join token names no server");
  for (const server of token.servers) {
    try {
      return await connect(server, credential);
    } catch (error) {
      failure = unknownToServer(error) ? expired(error) : error;
    }
  }
  throw failure;
}

/**
 * The server is the one that the token names, by its root, and knows the token no more. One that has
 * expired of late is heard all the same, and the coordinator itself says so.
 */
function unknownToServer(error: unknown): boolean {
  return error instanceof CohortError && error.code === "UNAUTHENTICATED";
}

function expired(cause: unknown): CohortError {
  return refuse(
    "INVITE_EXPIRED",
    "the join token has expired",
    { hint: "Ask for a new one: cohort node invite --name NAME" },
    cause,
  );
}

async function enrol(
  host: Host,
  token: JoinToken,
  coordinatorKey: Uint8Array,
  keys: Keys,
  facts: Facts,
  bus: Bus,
): Promise<Enrolment> {
  const fields = {
    invite: token.invite,
    natsKey: keys.nats.publicKey,
    signKey: keys.sign.publicKey,
    boxKey: keys.box.publicKey,
  };
  const claim = enrolProof(fields);
  const request = EnrolRequest.encode({
    ...fields,
    secret: fromBase64Url(token.secret),
    proof: host.crypto.sign(claim, keys.sign.secretKey),
    natsProof: host.crypto.sign(claim, keys.nats.secretKey),
    facts,
  }).finish();
  const subject = subjects.enrol(token.invite);
  const reply = EnrolReply.decode(await ask(bus, subject, request));
  if (reply.problems.length > 0) throw new CohortError(reply.problems);
  if (!isName(reply.node) || reply.userJwt === "") {
    throw refuse("INTERNAL", "the coordinator's answer is incomplete");
  }
  return {
    node: reply.node,
    userJwt: reply.userJwt,
    rootCa: bus.peerRoot,
    coordinatorKey,
    servers: reply.servers.length > 0 ? reply.servers : token.servers,
  };
}

async function ask(bus: Bus, subject: string, request: Uint8Array): Promise<Uint8Array> {
  try {
    return await bus.request(subject, request, agentLimits.requestMsMax);
  } catch (cause) {
    throw refuse(
      "UNREACHABLE",
      "the coordinator does not answer",
      {
        hint: "Join again with the same token: it stays good for this machine while it lasts.",
      },
      cause,
    );
  }
}
