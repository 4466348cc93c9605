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
