import { refuse } from "@cohort/proto/problem";
import type { Msg } from "@nats-io/nats-core";
import type { NatsConnectionImpl } from "@nats-io/nats-core/internal";
import type { Conversation, Listener } from "./bus.ts";

/** The conversations of one connection, which hear through one subscription. */
export class Conversations {
  readonly #connection: NatsConnectionImpl;
  readonly #prefix: string;
  readonly #open = new Map<string, Listener>();
  #opened = 0;

  constructor(connection: NatsConnectionImpl, prefix: string) {
    this.#connection = connection;
    this.#prefix = prefix;
  }

  open(subject: string, payload: Uint8Array, listener: Listener): Conversation {
    if (this.#connection.isClosed()) {
      throw refuse("UNREACHABLE", "the node is not connected to its mesh");
    }
    if (this.#opened === 0) this.#listen();
    const reply = `${this.#prefix}${++this.#opened}`;
    this.#open.set(reply, listener);
    this.#connection.publish(subject, payload, { reply });
    return {
      say: (to, message) => {
        if (!this.#open.has(reply) || this.#connection.isClosed()) return;
        this.#connection.publish(to, message, { reply });
      },
      close: () => void this.#open.delete(reply),
    };
  }

  /** The connection is gone: what was asked may have been done. */
  lose(): void {
    const listeners = [...this.#open.values()];
    this.#open.clear();
    for (const listener of listeners) {
      listener.lost(refuse("CALL_UNCERTAIN", "the connection to the mesh was cut"));
    }
  }

  #listen(): void {
    this.#connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error === null) this.#hear(message);
      },
    });
  }

  #hear({ subject, data, headers }: Msg): void {
    const listener = this.#open.get(subject);
    if (listener === undefined) return;
    if (data.length > 0 || headers?.code !== noResponders) return listener.hear(data);
    this.#open.delete(subject);
    listener.lost(refuse("UNREACHABLE", "the coordinator cannot be reached"));
  }
}

/** Status of nats-server's own answer where nobody listens. */
const noResponders = 503;
