import { refuse } from "@cohort/proto/problem";
import { jwtAuthenticator, type NatsConnection } from "@nats-io/nats-core";
import { connect } from "@nats-io/transport-node";
import type { Logger } from "pino";
import type { UserCredential } from "./credentials.ts";
import { meshLimits } from "./limits.ts";

/** Where nats-server is, how to know it, and as whom to sign in. */
export interface NatsAddress {
  /** "host:port", TLS from the first byte. */
  readonly servers: readonly string[];
  /** PEM of the one root that the server's certificate may come from. */
  readonly ca: string;
  readonly credential: UserCredential;
  /** What nats-server calls the connection; "coordinator" when left out. */
  readonly name?: string;
  readonly inboxPrefix?: string;
}

/**
 * Connects once, and from then on again for ever. Throws UNREACHABLE when the first attempt fails.
 */
export async function connectNats({
  servers,
  ca,
  credential,
  name = "coordinator",
  inboxPrefix,
}: NatsAddress): Promise<NatsConnection> {
  try {
    return await connect({
      name,
      ...(inboxPrefix === undefined ? {} : { inboxPrefix }),
      servers: [...servers],
      tls: { ca, handshakeFirst: true },
      authenticator: jwtAuthenticator(credential.jwt, credential.seed),
      timeout: meshLimits.connectMsMax,
      pingInterval: meshLimits.pingIntervalMs,
      maxPingOut: meshLimits.pingsUnansweredMax,
      maxReconnectAttempts: -1,
      reconnectTimeWait: meshLimits.reconnectWaitMs,
      reconnectJitterTLS: meshLimits.reconnectJitterMs,
      ignoreAuthErrorAbort: true,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
    });
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw refuse(
      "UNREACHABLE",
      `nats-server at ${servers.join(", ")} cannot be reached: ${reason}`,
      {
        hint: "Check that it runs with the configuration that set-up wrote.",
      },
      cause,
    );
  }
}

/** Follows the connection for as long as it lives. */
export function watch(connection: NatsConnection, log: Logger): { readonly connected: boolean } {
  const state = { connected: true };
  const follow = async () => {
    for await (const status of connection.status()) {
      switch (status.type) {
        case "disconnect":
          state.connected = false;
          log.warn("disconnected from nats-server");
          break;
        case "reconnect":
          state.connected = true;
          log.info("connected to nats-server again");
          break;
        case "error":
          log.error({ err: status.error }, "nats-server reported an error");
          break;
        case "close":
          state.connected = false;
          break;
        default:
      }
    }
    state.connected = false;
  };
  follow().catch((error: unknown) => log.error({ err: error }, "connection state is lost"));
  return state;
}
