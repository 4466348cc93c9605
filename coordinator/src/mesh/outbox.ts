import type { NatsConnection } from "@nats-io/nats-core";

/**
 * Gathers what is sent until the code that runs now has come to its end, and hands it to the
 * connection together: what follows from one commit is then one write and one record of TLS, not
 * one a message.
 */
export class Outbox {
  readonly #connection: NatsConnection;
  #waiting: Message[] = [];

  constructor(connection: NatsConnection) {
    this.#connection = connection;
  }

  /** Dropped when the connection has been closed for good by then. */
  send(subject: string, payload: Uint8Array, reply?: string): void {
    // A tick comes when no promise has anything left to do.
    if (this.#waiting.length === 0) process.nextTick(() => this.flush());
    this.#waiting.push({ subject, payload, reply });
  }

  flush(): void {
    const messages = this.#waiting;
    this.#waiting = [];
    for (const { subject, payload, reply } of messages) {
      if (this.#connection.isClosed()) return;
      this.#connection.publish(subject, payload, reply === undefined ? {} : { reply });
    }
  }
}

interface Message {
  readonly subject: string;
  readonly payload: Uint8Array;
  readonly reply: string | undefined;
}
