import {
  type AttemptKey,
  CallNote,
  Cancel,
  Dispatch,
  Dispatches,
  DispatchReply,
  EventAck,
  EventBatch,
  Hello,
  HelloReply,
  type NodeEvent,
  SessionReply,
  Signed,
  SignedToken,
  TokenDelivery,
} from "@cohort/proto/gen/cohort/node";
import { refuse } from "@cohort/proto/problem";
import { dispatchProof, tokenProof } from "@cohort/proto/proof";
import { subjects } from "@cohort/proto/subjects";
import sodium from "libsodium-wrappers-sumo";
import type { Host, KeyPair } from "../../src/host.ts";
import type { Bus, ConnectBus, Conversation, Listener } from "../../src/mesh/bus.ts";

type Handler = (payload: Uint8Array) => Promise<Uint8Array>;

/** A coordinator and its bus in memory, with switches for what can go wrong. */
export class FakeMesh {
  readonly keys: KeyPair;
  readonly hellos: Hello[] = [];
  readonly events: NodeEvent[] = [];
  /** Answers to other requests, by the last token of the subject. */
  readonly answers = new Map<string, Handler>();
  /** What was said of calls, and how they are answered further. */
  readonly notes: CallNote["note"][] = [];
  readonly talks: { hear(bytes: Uint8Array): unknown; lost: Listener["lost"] }[] = [];
  superseded: AttemptKey[] = [];
  /** Sent with the answer to each hello. */
  releaseKeys: Signed | undefined;
  acknowledging = true;
  /** Whether it wants other keys of the node. */
  rotate: () => boolean = () => false;
  readonly #handlers = new Map<string, Handler>();
  #disconnect: (reason: string) => void = () => {};

  constructor(
    readonly host: Host,
    readonly node = "board-1",
  ) {
    this.keys = host.crypto.signKeyPair(new Uint8Array(32).fill(7));
  }

  get connect(): ConnectBus {
    return async () => this.#bus();
  }

  disconnect(): void {
    this.#disconnect("cut by the test");
  }

  sign(subject: string, payload: Uint8Array, keys = this.keys): Uint8Array {
    const signature = this.host.crypto.sign(dispatchProof(subject, payload), keys.secretKey);
    return Signed.encode({ payload, signature }).finish();
  }

  /** Of the process that said hello last. */
  get dispatchSubject(): string {
    return subjects.dispatch(this.node, this.hellos.at(-1)?.instance ?? "");
  }

  /** Problems: of the message, or of the dispatch that was refused first. */
  async dispatch(...dispatches: Dispatch[]): Promise<DispatchReply> {
    const subject = this.dispatchSubject;
    const { problems, refusals } = await this.send(subject, this.signAll(subject, dispatches));
    return { problems: [...problems, ...(refusals[0]?.problems ?? [])], refusals };
  }

  signAll(subject: string, dispatches: readonly Dispatch[], keys = this.keys): Uint8Array {
    const encoded = dispatches.map((it) => Dispatch.encode(it).finish());
    return this.sign(subject, Dispatches.encode({ dispatches: encoded }).finish(), keys);
  }

  async cancel(cancel: Cancel): Promise<DispatchReply> {
    const subject = `mesh.down.${this.node}.cancel`;
    return await this.send(subject, this.sign(subject, Cancel.encode(cancel).finish()));
  }

  async send(subject: string, payload: Uint8Array): Promise<DispatchReply> {
    const handler = this.#handlers.get(subject);
    if (handler === undefined) throw new Error(`nobody listens on ${subject}`);
    return DispatchReply.decode(await handler(payload));
  }

  sealToken(delivery: TokenDelivery, boxKey: Uint8Array, signer = this.keys): Uint8Array {
    const payload = TokenDelivery.encode(delivery).finish();
    const signature = this.host.crypto.sign(tokenProof(payload), signer.secretKey);
    return sodium.crypto_box_seal(SignedToken.encode({ payload, signature }).finish(), boxKey);
  }

  /** What the attempt ended with; undefined while it runs. */
  finished(attempt: AttemptKey) {
    const found = this.events.findLast(
      (it) => it.event?.$case === "finished" && it.attempt?.run === attempt.run,
    )?.event;
    return found?.$case === "finished" ? found.value : undefined;
  }

  #bus(): Bus {
    this.#handlers.clear();
    const closed = new Promise<string>((resolve) => {
      this.#disconnect = resolve;
    });
    return {
      closed,
      peerRoot: "",
      request: async (subject, payload) => await this.#answer(subject, payload),
      converse: (subject, payload, listener) => this.#converse(subject, payload, listener),
      publish: () => {},
      subscribe: (subject, handler) => void this.#handlers.set(subject, handler),
      close: async () => this.#disconnect("closed"),
    };
  }

  /** What is said in a conversation after its first message goes to `notes`. */
  #converse(subject: string, payload: Uint8Array, listener: Listener): Conversation {
    let open = true;
    const hear = (bytes: Uint8Array) => open && listener.hear(bytes);
    this.talks.push({ hear, lost: listener.lost.bind(listener) });
    const answer = this.answers.get(subject.split(".")[3] ?? "");
    answer?.(payload).then(hear, (error) => listener.lost(error));
    return {
      say: (_to, note) => void this.notes.push(CallNote.decode(note).note),
      close: () => {
        open = false;
      },
    };
  }

  async #answer(subject: string, payload: Uint8Array): Promise<Uint8Array> {
    const verb = subject.split(".")[3] ?? "";
    const answer = this.answers.get(verb);
    if (answer !== undefined) return await answer(payload);
    if (verb === "session") {
      return SessionReply.encode({ problems: [], session: this.hellos.length + 1 }).finish();
    }
    if (verb === "hello") {
      this.hellos.push(Hello.decode(payload));
      const { superseded } = this;
      return HelloReply.encode({
        problems: [],
        releaseKeys: this.releaseKeys,
        nowMs: Date.now(),
        heartbeatMs: 4000,
        superseded,
        userJwt: "",
        rotate: this.rotate(),
      }).finish();
    }
    if (verb === "events" && this.acknowledging) {
      const { events } = EventBatch.decode(payload);
      this.events.push(...events);
      return EventAck.encode({ problems: [], throughSeq: events.at(-1)?.seq ?? 0 }).finish();
    }
    throw refuse("UNREACHABLE", `nobody answers ${subject}`);
  }
}
