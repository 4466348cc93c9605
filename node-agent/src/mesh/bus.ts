import type { CohortError } from "@cohort/proto/problem";

/**
 * What the agent needs of a message bus. `nats-bus.ts` is the real one; tests and simulators bring
 * their own. One object is one connection: it ends once and does not come back.
 */
export interface Bus {
  /**
   * One answer to one request. Rejects with UNREACHABLE when nobody listens or the connection is
   * gone before it was sent, and with CALL_UNCERTAIN when it was sent and no answer came.
   */
  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array>;
  /**
   * Opens a conversation with a message; what is said in it, in order, goes to the listener until it is
   * closed or lost. Throws UNREACHABLE when the connection is gone.
   */
  converse(subject: string, payload: Uint8Array, listener: Listener): Conversation;
  /** At most once, unanswered. */
  publish(subject: string, payload: Uint8Array): void;
  /** The handler's value is the answer. It must not reject. */
  subscribe(subject: string, handler: (payload: Uint8Array) => Promise<Uint8Array>): void;
  /** Resolves, with the reason, when the connection has ended. */
  readonly closed: Promise<string>;
  /** PEM of the root certificate that the server's chain ends in. */
  readonly peerRoot: string;
  close(): Promise<void>;
}

/** One side of a conversation. */
export interface Conversation {
  /** At most once; nothing when the conversation is over. */
  say(subject: string, payload: Uint8Array): void;
  close(): void;
}

export interface Listener {
  hear(payload: Uint8Array): void;
  /** Once, and nothing after it: UNREACHABLE when nobody listens, CALL_UNCERTAIN when the line is cut. */
  lost(error: CohortError): void;
}

/** One attempt to connect; `server` is "host:port". Rejects with a CohortError. */
export type ConnectBus = (server: string, credential: BusCredential) => Promise<Bus>;

export interface BusCredential {
  /** Node, or invite: names the inbox. */
  readonly owner: string;
  readonly userJwt: string;
  /** Ed25519 secret key that the JWT was issued for. */
  readonly secretKey: Uint8Array;
  readonly trust: { readonly ca: string } | { readonly fingerprint: Uint8Array };
}
