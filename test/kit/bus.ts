import { subjects } from "@cohort/proto/subjects";
import {
  jwtAuthenticator,
  type NatsConnection,
  PermissionViolationError,
} from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import { waitUntil } from "./wait-until.ts";

export interface BusIdentity {
  /** Names the inbox. */
  readonly owner: string;
  readonly jwt: string;
  /** nkey seed, "SU...". */
  readonly seed: Uint8Array;
}

/** A connection to nats-server with which nothing of Cohort's keeps a test from trying anything. */
export interface Bus {
  readonly connection: NatsConnection;
  /** Subjects of publications and subscriptions that nats-server refused. */
  readonly refused: ReadonlySet<string>;
}

export async function joinBus(
  place: { readonly servers: readonly string[]; readonly ca: string },
  { owner, jwt, seed }: BusIdentity,
): Promise<Bus> {
  const connection = await connect({
    servers: [...place.servers],
    tls: { ca: place.ca, handshakeFirst: true },
    authenticator: jwtAuthenticator(jwt, seed),
    inboxPrefix: subjects.inboxPrefix(owner),
    ignoreClusterUpdates: true,
    reconnect: false,
  });
  const refused = new Set<string>();
  void (async () => {
    for await (const status of connection.status()) {
      if (status.type !== "error") continue;
      if (status.error instanceof PermissionViolationError) refused.add(status.error.subject);
    }
  })();
  return { connection, refused };
}

/** Whether nats-server says that it refused the publication. */
export async function publishIsRefused(
  { connection, refused }: Bus,
  subject: string,
): Promise<boolean> {
  connection.publish(subject, "rogue");
  await connection.flush();
  return isRefused(refused, subject);
}

export async function subscribeIsRefused(
  { connection, refused }: Bus,
  subject: string,
): Promise<boolean> {
  connection.subscribe(subject, { callback: () => {} });
  await connection.flush();
  return isRefused(refused, subject);
}

function isRefused(refused: ReadonlySet<string>, subject: string): Promise<boolean> {
  return waitUntil(() => refused.has(subject), 2_000).catch(() => false);
}
