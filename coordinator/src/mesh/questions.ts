import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { ownerOf } from "@cohort/proto/subjects";
import { type Msg, type NatsConnection, nuid, type Subscription } from "@nats-io/nats-core";
import type { Outbox } from "./outbox.ts";

/**
 * Requests to nodes, all answered through one subscription: nats-core would make and drop one for
 * each. A node may publish below its own name only, so that is where its answer has to go; nobody
 * else can answer for it.
 */
export class Questions {
  readonly #outbox: Outbox;
  readonly #subscription: Subscription;
  /** New with each connection: an answer to another process's question is none to ours. */
  readonly #session = nuid.next();
  readonly #open = new Map<string, Question>();
  #asked = 0;

  constructor(connection: NatsConnection, outbox: Outbox) {
    this.#outbox = outbox;
    this.#subscription = connection.subscribe(`mesh.up.*.answer.${this.#session}.*`, {
      callback: (error, message) => {
        if (error === null) this.#answered(message);
      },
    });
  }

  /** The payload of the answer. Throws UNREACHABLE when there is none within its time. */
  ask(node: string, subject: string, payload: Uint8Array): Promise<Uint8Array> {
    const reply = `mesh.up.${node}.answer.${this.#session}.${++this.#asked}`;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => this.#fail(reply, `did not answer within ${limits.dispatchAnswerMs} ms`),
        limits.dispatchAnswerMs,
      );
      this.#open.set(reply, { resolve, reject, timer });
      this.#outbox.send(subject, payload, reply);
    });
  }

  /** What is still open is UNREACHABLE. */
  close(): void {
    this.#subscription.unsubscribe();
    for (const reply of [...this.#open.keys()]) this.#fail(reply, "could not be asked");
  }

  #answered({ subject, data, headers }: Msg): void {
    if (data.length === 0 && headers?.code === noResponders) {
      this.#fail(subject, "is not connected");
    } else {
      this.#take(subject)?.resolve(data);
    }
  }

  #fail(reply: string, reason: string): void {
    this.#take(reply)?.reject(refuse("UNREACHABLE", `${ownerOf(reply)} ${reason}`));
  }

  #take(reply: string): Question | undefined {
    const question = this.#open.get(reply);
    this.#open.delete(reply);
    clearTimeout(question?.timer);
    return question;
  }
}

interface Question {
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (reason: Error) => void;
  readonly timer: NodeJS.Timeout;
}

/** Status of nats-server's own answer where nobody listens. */
const noResponders = 503;
