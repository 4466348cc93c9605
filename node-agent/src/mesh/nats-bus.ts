import { refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import { errors, NatsConnectionImpl, setTransportFactory } from "@nats-io/nats-core/internal";
import { toBase64Url, toHex } from "../bytes.ts";
import type { Host, Socket } from "../host.ts";
import { hostErrorCode } from "../host-error.ts";
import { agentLimits } from "../limits.ts";
import type { Bus, BusCredential, ConnectBus, Conversation, Listener } from "./bus.ts";
import { Conversations } from "./conversations.ts";
import { HostTransport, type TransportOptions } from "./host-transport.ts";

/** NATS over the host's TLS. Reconnecting is left to the caller: one Bus is one connection. */
export function natsConnector(host: Host): ConnectBus {
  return async (server, credential) => {
    let socket: Socket | undefined;
    const options: TransportOptions = {
      servers: [server],
      name: credential.owner,
      inboxPrefix: subjects.inboxPrefix(credential.owner),
      authenticator: (nonce?: string) => authenticate(host, credential, nonce ?? ""),
      reconnect: false,
      resolve: false,
      ignoreClusterUpdates: true,
      noAsyncTraces: true,
      timeout: agentLimits.connectMsMax,
      pingInterval: agentLimits.pingIntervalMs,
      maxPingOut: 2,
      dial: async (hostname, port) => {
        const timeoutMs = agentLimits.connectMsMax;
        socket = await host.connectTls({
          host: hostname,
          port,
          trust: credential.trust,
          timeoutMs,
        });
        return socket;
      },
    };
    setTransportFactory({ factory: () => new HostTransport() });
    try {
      const connection = await NatsConnectionImpl.connect(options);
      const peerRoot = socket?.peerRoot ?? "";
      const calls = subjects.callInbox(credential.owner, toHex(host.random(8)), "*");
      return new NatsBus(connection as NatsConnectionImpl, peerRoot, calls.slice(0, -1));
    } catch (cause) {
      throw connectProblem(server, credential, cause);
    }
  };
}

class NatsBus implements Bus {
  readonly closed: Promise<string>;
  readonly peerRoot: string;
  readonly #connection: NatsConnectionImpl;
  readonly #conversations: Conversations;

  /** `callPrefix`: of the inboxes of this connection's conversations. */
  constructor(connection: NatsConnectionImpl, peerRoot: string, callPrefix: string) {
    this.#connection = connection;
    this.#conversations = new Conversations(connection, callPrefix);
    this.peerRoot = peerRoot;
    this.closed = connection.closed().then((error) => {
      this.#conversations.lose();
      return error?.message ?? "closed";
    });
  }

  async request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    try {
      return (await this.#connection.request(subject, payload, { timeout: timeoutMs })).data;
    } catch (cause) {
      throw requestProblem(subject, cause);
    }
  }

  converse(subject: string, payload: Uint8Array, listener: Listener): Conversation {
    return this.#conversations.open(subject, payload, listener);
  }

  publish(subject: string, payload: Uint8Array): void {
    if (!this.#connection.isClosed()) this.#connection.publish(subject, payload);
  }

  subscribe(subject: string, handler: (payload: Uint8Array) => Promise<Uint8Array>): void {
    this.#connection.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null) return;
        void handler(message.data).then((answer) => {
          if (!this.#connection.isClosed()) message.respond(answer);
        });
      },
    });
  }

  async close(): Promise<void> {
    if (this.#connection.isClosed()) return;
    await this.#connection.flush().catch(() => {});
    await this.#connection.close();
  }
}

/** The key signs what a server sends, so it signs nothing that could be more than a challenge. */
function authenticate(host: Host, credential: BusCredential, nonce: string) {
  if (nonce === "" || nonce.length > agentLimits.nonceLengthMax) {
    throw new Error("the server sent no proper challenge");
  }
  const signature = host.crypto.sign(new TextEncoder().encode(nonce), credential.secretKey);
  return { jwt: credential.userJwt, sig: toBase64Url(signature) };
}

function connectProblem(server: string, { trust }: BusCredential, cause: unknown) {
  if (cause instanceof errors.AuthorizationError) {
    return refuse(
      "UNAUTHENTICATED",
      `${server} refused the credential`,
      {
        hint: "The node or the invite may be expired or revoked.",
      },
      cause,
    );
  }
  const reason = cause instanceof Error ? cause.message : String(cause);
  if (hostErrorCode(cause) === "TLS_VERIFY" && "fingerprint" in trust) {
    return refuse(
      "INVITE_FOREIGN",
      `${server} is not of the mesh that the join token is for: ${reason}`,
      {
        hint: "Invite the board at the mesh that it is to join; see who answers at the address.",
      },
      cause,
    );
  }
  if (hostErrorCode(cause) === "TLS_VERIFY") {
    return refuse(
      "UNREACHABLE",
      `${server} is not the mesh's server: ${reason}`,
      {
        hint: "Check the address, the board's clock, and what stands between.",
      },
      cause,
    );
  }
  return refuse("UNREACHABLE", `${server} cannot be reached: ${reason}`, {}, cause);
}

/** Only what certainly was not heard may be called unreachable: that invites another try. */
function requestProblem(subject: string, cause: unknown) {
  const root = cause instanceof errors.RequestError && cause.cause ? cause.cause : cause;
  const unheard = [
    errors.NoRespondersError,
    errors.ClosedConnectionError,
    errors.DrainingConnectionError,
  ];
  if (unheard.some((kind) => root instanceof kind)) {
    return refuse("UNREACHABLE", "the coordinator cannot be reached", {}, cause);
  }
  return refuse("CALL_UNCERTAIN", `no answer on ${subject}`, {}, cause);
}
