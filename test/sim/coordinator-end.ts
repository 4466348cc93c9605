import { errors, type Msg, type NatsConnection } from "@nats-io/nats-core";
import type { TimerHandle } from "./clock.ts";
import type { Network } from "./network.ts";

type Callback = (error: Error | null, message: Msg) => void;

/** What the coordinator said: a command to a node, or the answer to what a node asked. */
export interface Sent {
  readonly kind: "command" | "answer";
  readonly node: string;
  readonly verb: string;
  readonly payload: Uint8Array;
  /** Of an answer: what was asked. */
  readonly asked: Uint8Array;
}

/**
 * The coordinator's connection to the simulated server, as far as `serve`, `hear` and `Commands` use
 * a NatsConnection. It belongs to one life of the process and is silent after it.
 */
export class CoordinatorEnd {
  readonly #network: Network;
  readonly #watch: (sent: Sent) => void;
  readonly #subscriptions: { readonly pattern: RegExp; readonly callback: Callback }[] = [];
  readonly #asked = new Map<string, Omit<Sent, "kind" | "payload">>();
  readonly #waiting = new Map<string, Waiting>();
  #dead = false;

  /** `watch` is told of all that leaves, before it leaves. */
  constructor(network: Network, watch: (sent: Sent) => void) {
    this.#network = network;
    this.#watch = watch;
  }

  get connection(): NatsConnection {
    const connection = {
      subscribe: (subject: string, { callback }: { callback: Callback }) => {
        const pattern = new RegExp(`^${subject.replaceAll(".", "\\.").replace("*", "[^.]+")}$`);
        this.#subscriptions.push({ pattern, callback });
        return {};
      },
      publish: (inbox: string, payload: Uint8Array) => this.#publish(inbox, payload),
      request: (subject: string, payload: Uint8Array, options: RequestOptions) =>
        this.#request(subject, payload, options),
      isClosed: () => this.#dead,
    };
    return connection as unknown as NatsConnection;
  }

  /** A message of a node; false when nobody listens to its subject. */
  receive(subject: string, data: Uint8Array, reply: string | undefined): boolean {
    const waiting = this.#waiting.get(subject);
    if (waiting !== undefined) {
      this.#waiting.delete(subject);
      waiting.timer.cleared = true;
      waiting.resolve({ data });
      return true;
    }
    const [, , node = "", verb = ""] = subject.split(".");
    if (reply !== undefined) this.#asked.set(reply, { node, verb, asked: data });
    const heard = this.#subscriptions.filter(({ pattern }) => pattern.test(subject));
    for (const { callback } of heard) callback(null, { subject, data, reply } as Msg);
    return heard.length > 0;
  }

  /** The server is gone: what was asked is not answered. */
  disconnect(): void {
    for (const [subject, { reject, timer }] of this.#waiting) {
      this.#waiting.delete(subject);
      timer.cleared = true;
      reject(new Error("disconnected"));
    }
  }

  /** The process has ended. */
  die(): void {
    this.#dead = true;
    if (this.#network.coordinator === this) this.#network.coordinator = null;
    this.disconnect();
  }

  #publish(inbox: string, payload: Uint8Array): void {
    const asked = this.#asked.get(inbox);
    if (this.#dead || !this.#network.up || asked === undefined) return;
    this.#asked.delete(inbox);
    this.#watch({ kind: "answer", payload, ...asked });
    this.#network.connections(asked.node).some((it) => it.answer(inbox, payload));
  }

  #request(
    subject: string,
    payload: Uint8Array,
    options: RequestOptions,
  ): Promise<{ data: Uint8Array }> {
    if (this.#dead || !this.#network.up) return Promise.reject(new Error("disconnected"));
    const [, , node = "", verb = ""] = subject.split(".");
    this.#watch({ kind: "command", node, verb, payload, asked: new Uint8Array(0) });
    const listeners = this.#network.connections(node).filter((it) => it.listensTo(subject));
    if (listeners.length === 0) return Promise.reject(new errors.NoRespondersError(subject));
    return new Promise((resolve, reject) => {
      const timer = this.#network.clock.set(() => {
        this.#waiting.delete(options.reply);
        reject(new errors.TimeoutError());
      }, options.timeout);
      this.#waiting.set(options.reply, { resolve, reject, timer });
      for (const listener of listeners) listener.command(subject, payload, options.reply);
    });
  }
}

interface RequestOptions {
  readonly timeout: number;
  readonly reply: string;
}

interface Waiting {
  readonly resolve: (answer: { data: Uint8Array }) => void;
  readonly reject: (error: Error) => void;
  readonly timer: TimerHandle;
}
