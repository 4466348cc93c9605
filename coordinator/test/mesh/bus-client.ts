import { subjects } from "@cohort/proto/subjects";
import { encodeUser, type User } from "@nats-io/jwt";
import {
  jwtAuthenticator,
  type NatsConnection,
  PermissionViolationError,
} from "@nats-io/nats-core";
import { createUser } from "@nats-io/nkeys";
import { connect } from "@nats-io/transport-node";
import { vi } from "vitest";
import { createCredentials } from "../../src/mesh/credentials.ts";
import { keyPairOf } from "../../src/mesh/nkey.ts";
import type { Setup } from "../../src/setup/setup.ts";
import { rawUserKey } from "./raw-key.ts";

export interface BusIdentity {
  /** Names the inbox. */
  readonly owner: string;
  readonly jwt: string;
  readonly seed: Uint8Array;
}

export interface BusClient {
  readonly connection: NatsConnection;
  /** Subjects of publications and subscriptions that nats-server refused. */
  readonly refused: Set<string>;
  /** Everything that nats-server complained about. */
  readonly complaints: string[];
}

/** Speaks NATS as itself; nothing of Cohort's keeps it from trying what it likes. */
export async function joinBus(setup: Setup, identity: BusIdentity): Promise<BusClient> {
  const connection = await connect({
    servers: [...setup.servers],
    tls: { ca: setup.ca, handshakeFirst: true },
    authenticator: jwtAuthenticator(identity.jwt, identity.seed),
    inboxPrefix: subjects.inboxPrefix(identity.owner),
    reconnect: false,
  });
  const refused = new Set<string>();
  const complaints: string[] = [];
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type !== "error") continue;
      complaints.push(status.error.message);
      if (status.error instanceof PermissionViolationError) refused.add(status.error.subject);
    }
  })();
  return { connection, refused, complaints };
}

export async function nodeIdentity(
  setup: Setup,
  node: string,
  nowMs = Date.now(),
): Promise<BusIdentity> {
  const pair = createUser();
  const { issueNodeJwt } = createCredentials(setup.seeds.meshAccount);
  const jwt = await issueNodeJwt(node, rawUserKey(pair.getPublicKey()), nowMs);
  return { owner: node, jwt, seed: pair.getSeed() };
}

export async function inviteIdentity(setup: Setup, invite: string): Promise<BusIdentity> {
  const pair = createUser();
  const { issueInviteJwt } = createCredentials(setup.seeds.meshAccount);
  const jwt = await issueInviteJwt(invite, pair.getPublicKey(), Date.now() + 60_000);
  return { owner: invite, jwt, seed: pair.getSeed() };
}

/** One that may do everything within the mesh's account: sees what got through. */
export async function observerIdentity(setup: Setup): Promise<BusIdentity> {
  const pair = createUser();
  const all: Partial<User> = { pub: { allow: [">"] }, sub: { allow: [">"] } };
  const jwt = await encodeUser(
    "observer",
    pair.getPublicKey(),
    keyPairOf(setup.seeds.meshAccount),
    all,
  );
  return { owner: "observer", jwt, seed: pair.getSeed() };
}

/** Whether nats-server says that it refused the publication. */
export async function publishIsRefused(
  { connection, refused }: BusClient,
  subject: string,
): Promise<boolean> {
  connection.publish(subject, "rogue");
  await connection.flush();
  return vi.waitUntil(() => refused.has(subject), { timeout: 2_000 }).catch(() => false);
}

export async function subscribeIsRefused(
  { connection, refused }: BusClient,
  subject: string,
): Promise<boolean> {
  connection.subscribe(subject, { callback: () => {} });
  await connection.flush();
  return vi.waitUntil(() => refused.has(subject), { timeout: 2_000 }).catch(() => false);
}
