import type { CohortError } from "@cohort/proto/problem";
import { refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import type { Bus, Conversation, Listener } from "../../node-agent/src/mesh/bus.ts";
import type { TimerHandle } from "./clock.ts";
import { Lane } from "./lane.ts";
import type { Network } from "./network.ts";

type Handler = (payload: Uint8Array) => Promise<Uint8Array>;

interface Waiting {
  readonly subject: string;
  readonly resolve: (answer: Uint8Array) => void;
  readonly reject: (error: CohortError) => void;
  readonly timer: TimerHandle;
}

/** Verbs that agent and coordinator themselves may say twice. */
const repeated = /\.(?:events|heartbeat|dispatch|cancel)$/;

/** One connection of a node's agent to the simulated server. */
export class NodeConnection implements Bus {
  readonly node: string;
  readonly closed: Promise<string>;
  readonly peerRoot = "";
  readonly #network: Network;
  readonly #inbox: string;
  readonly #up: Lane;
  readonly #down: Lane;
  readonly #handlers = new Map<string, Handler>();
  readonly #waiting = new Map<string, Waiting>();
  readonly #talks = new Map<string, Listener>();
  #asked = 0;
  #ended = false;
  #close: (reason: string) => void = () => {};

  /** The public key that it signed in with, hex. */
  readonly key: string;

  constructor(network: Network, node: string, id: number, key: string) {
    this.node = node;
    this.key = key;
    this.#network = network;
    this.#inbox = `${subjects.inboxPrefix(node)}.${id}`;
    this.#up = new Lane(network.clock, () => network.up && network.link(node).up);
    this.#down = new Lane(network.clock, () => network.up && network.link(node).down);
    this.closed = new Promise((resolve) => {
      this.#close = resolve;
    });
  }

  request(subject: string, payload: Uint8Array, timeoutMs: number): Promise<Uint8Array> {
    if (this.#ended) return Promise.reject(refuse("UNREACHABLE", "the connection is closed"));
    const reply = `${this.#inbox}.${++this.#asked}`;
    return new Promise((resolve, reject) => {
      const timer = this.#network.clock.set(() => {
        this.#waiting.delete(reply);
        reject(refuse("CALL_UNCERTAIN", `no answer on ${subject}`));
      }, timeoutMs);
      this.#waiting.set(reply, { subject, resolve, reject, timer });
      this.#sendUp(subject, payload, reply);
    });
  }

  converse(subject: string, payload: Uint8Array, listener: Listener): Conversation {
    if (this.#ended) throw refuse("UNREACHABLE", "the connection is closed");
    const reply = `${this.#inbox}.${++this.#asked}`;
    this.#talks.set(reply, listener);
    this.#sendUp(subject, payload, reply);
    return {
      say: (to, message) => {
        if (!this.#ended && this.#talks.has(reply)) this.#sendUp(to, message, reply);
      },
      close: () => void this.#talks.delete(reply),
    };
  }

  publish(subject: string, payload: Uint8Array): void {
    if (!this.#ended) this.#sendUp(subject, payload, undefined);
  }

  subscribe(subject: string, handler: Handler): void {
    this.#handlers.set(subject, handler);
  }

  listensTo(subject: string): boolean {
    return !this.#ended && this.#handlers.has(subject);
  }

  /** A command of the coordinator; `answerTo` is where its answer goes. */
  command(subject: string, payload: Uint8Array, answerTo: string): void {
    this.#send(this.#down, subject, () => {
      if (this.#ended) return;
      void this.#handlers
        .get(subject)?.(payload)
        .then((answer) => {
          if (!this.#ended) this.#sendUp(answerTo, answer, undefined);
        });
    });
  }

  /** An answer to a request of this connection; false when it is another's. */
  answer(inbox: string, payload: Uint8Array): boolean {
    if (!inbox.startsWith(`${this.#inbox}.`)) return false;
    this.#send(this.#down, "answer", () => {
      this.#talks.get(inbox)?.hear(payload);
      const waiting = this.#take(inbox);
      if (waiting !== undefined) {
        waiting.resolve(this.#network.tamper(waiting.subject, payload));
      }
    });
    return true;
  }

  flush(): void {
    this.#up.flush();
    this.#down.flush();
  }

  end(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#network.trace.add(this.node, `disconnected: ${reason}`);
    this.#network.forget(this);
    this.#down.clear();
    // What had reached the server goes on to the coordinator.
    if (this.#network.random.chance(0.5)) this.#up.clear();
    for (const inbox of [...this.#waiting.keys()]) {
      const error = refuse("CALL_UNCERTAIN", `the connection ended: ${reason}`);
      this.#take(inbox)?.reject(error);
    }
    const talks = [...this.#talks.values()];
    this.#talks.clear();
    for (const it of talks) it.lost(refuse("CALL_UNCERTAIN", `the connection ended: ${reason}`));
    this.#close(reason);
  }

  async close(): Promise<void> {
    this.end("closed by the agent");
  }

  #take(inbox: string): Waiting | undefined {
    const waiting = this.#waiting.get(inbox);
    this.#waiting.delete(inbox);
    if (waiting !== undefined) waiting.timer.cleared = true;
    return waiting;
  }

  #sendUp(subject: string, payload: Uint8Array, reply: string | undefined): void {
    this.#send(this.#up, subject, () => {
      const heard = this.#network.coordinator?.receive(subject, payload, reply) ?? false;
      if (heard || reply === undefined) return;
      this.#send(this.#down, "no responders", () => {
        const error = refuse("UNREACHABLE", "nobody listens");
        this.#talks.get(reply)?.lost(error);
        this.#talks.delete(reply);
        this.#take(reply)?.reject(error);
      });
    });
  }

  #send(lane: Lane, subject: string, deliver: () => void): void {
    const { clock, random } = this.#network;
    const copies = this.#network.copies(repeated.test(subject));
    if (copies > 0) lane.send(this.#network.delayMs(), deliver);
    // The copy stands for what an earlier connection still had under way: it comes out of order.
    if (copies > 1) clock.set(() => lane.isOpen && deliver(), random.integer(20, 4_000));
  }
}
