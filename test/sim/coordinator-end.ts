import {
  Cancel,
  type Dispatch,
  DispatchReply,
  EventAck,
  FactsReply,
  Greet,
  HelloReply,
  ProxyReply,
  ReleaseReply,
  RenewReply,
  RotateReply,
  SessionReply,
  Signed,
  Update,
  WitnessReply,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import { dispatchProof } from "@cohort/proto/proof";
import { type DownVerb, subjects } from "@cohort/proto/subjects";
import { inputs } from "../../coordinator/src/mesh/inputs.ts";
import type { MeshHandlers } from "../../coordinator/src/mesh/mesh.ts";
import { answersOf, parcelsOf } from "../../coordinator/src/mesh/parcels.ts";
import type { CallChannel } from "../../coordinator/src/proxy/channel.ts";
import type { TimerHandle } from "./clock.ts";
import { sign } from "./crypto.ts";
import type { Network } from "./network.ts";

/** What the coordinator said: a command to a node, or the answer to what a node asked. */
export interface Sent {
  readonly kind: "command" | "answer";
  readonly node: string;
  readonly verb: string;
  readonly payload: Uint8Array;
  /** Of an answer: what was asked. */
  readonly asked: Uint8Array;
}

export interface CoordinatorEndOptions {
  readonly network: Network;
  readonly secretKey: Uint8Array;
  readonly instanceOf: (node: string) => string;
  /** Told of all that leaves, before it leaves. */
  readonly watch: (sent: Sent) => void;
  readonly onFault: (error: unknown) => void;
}

/**
 * The coordinator's place on the simulated bus: messages are encoded, decoded and checked as on the
 * real one. It belongs to one life of the process and is silent after it.
 */
export class CoordinatorEnd {
  readonly #options: CoordinatorEndOptions;
  readonly #waiting = new Map<string, Waiting>();
  #handlers: MeshHandlers | null = null;
  #questions = 0;
  #dead = false;

  constructor(options: CoordinatorEndOptions) {
    this.#options = options;
  }

  /** From now on nodes are heard. */
  serve(handlers: MeshHandlers): void {
    this.#handlers = handlers;
    this.#options.network.coordinator = this;
  }

  async dispatch(
    node: string,
    dispatches: readonly Dispatch[],
  ): Promise<readonly (readonly Problem[])[]> {
    const answers = parcelsOf(dispatches).map(async (parcel) =>
      answersOf(parcel, await this.#command(node, "dispatch", parcel.payload)),
    );
    return (await Promise.all(answers)).flat();
  }

  async greet(node: string): Promise<void> {
    await this.#command(node, "greet", Greet.encode({}).finish());
  }

  async cancel(node: string, cancel: Cancel): Promise<void> {
    const { problems } = await this.#command(node, "cancel", Cancel.encode(cancel).finish());
    if (problems.length > 0) throw new CohortError(problems);
  }

  async update(node: string, update: Update): Promise<void> {
    const { problems } = await this.#command(node, "update", Update.encode(update).finish());
    if (problems.length > 0) throw new CohortError(problems);
  }

  /** A message of a node; false when nobody listens to its subject. */
  receive(subject: string, data: Uint8Array, reply: string | undefined): boolean {
    const answered = this.#take(subject);
    if (answered !== undefined) answered.resolve(inputs.dispatchReply(data));
    const [, , node = "", verb = ""] = subject.split(".");
    const handlers = this.#handlers;
    if (handlers === null) return false;
    if (verb === "heartbeat") handlers.heartbeat(node, inputs.heartbeat(data));
    if (verb === "call") return true;
    if (verb === "proxy" && reply !== undefined) {
      void this.#converse(handlers, { node, verb, asked: data }, reply);
    } else if (reply !== undefined) void this.#answer(handlers, { node, verb, asked: data }, reply);
    return true;
  }

  /** The server is gone: what was asked is not answered. */
  disconnect(): void {
    for (const subject of [...this.#waiting.keys()]) this.#take(subject)?.resolve(unheard);
  }

  /** The process has ended. */
  die(): void {
    const { network } = this.#options;
    this.#dead = true;
    this.#handlers = null;
    if (network.coordinator === this) network.coordinator = null;
    this.disconnect();
  }

  async #answer(
    handlers: MeshHandlers,
    about: Omit<Sent, "kind" | "payload">,
    inbox: string,
  ): Promise<void> {
    const { network, watch } = this.#options;
    const payload = await this.#handled(handlers, about);
    if (this.#dead || !network.up) return;
    watch({ kind: "answer", payload, ...about });
    network.connections(about.node).some((it) => it.answer(inbox, payload));
  }

  async #handled(
    handlers: MeshHandlers,
    { node, verb, asked }: Omit<Sent, "kind" | "payload">,
  ): Promise<Uint8Array> {
    try {
      return await handle(handlers, node, verb, asked);
    } catch (error) {
      if (!(error instanceof CohortError)) this.#options.onFault(error);
      const problems = error instanceof CohortError ? [...error.problems] : [internal];
      return asAnswer(problems);
    }
  }

  /** Calls of simulated steps are short: nothing but the answer goes through their channels. */
  async #converse(
    handlers: MeshHandlers,
    about: Omit<Sent, "kind" | "payload">,
    inbox: string,
  ): Promise<void> {
    const { network, watch, onFault } = this.#options;
    let index = 0;
    const channel: CallChannel = {
      grant: () => {},
      nextPiece: () => Promise.reject(refuse("CALL_CANCELLED", "simulated requests are short")),
      room: async () => {},
      send: (reply) => {
        if (this.#dead || !network.up) return;
        const payload = ProxyReply.encode(ProxyReply.fromPartial({ ...reply, index })).finish();
        index += 1;
        watch({ kind: "answer", payload, ...about });
        network.connections(about.node).some((it) => it.answer(inbox, payload));
      },
      gone: new AbortController().signal,
    };
    await handlers.proxy(about.node, inputs.proxy(about.asked), channel).catch(onFault);
  }

  #command(node: string, verb: DownVerb | "dispatch", payload: Uint8Array): Promise<DispatchReply> {
    const { network, watch, secretKey, instanceOf } = this.#options;
    if (this.#dead || !network.up) return Promise.resolve(unheard);
    const subject =
      verb === "dispatch" ? subjects.dispatch(node, instanceOf(node)) : subjects.down(node, verb);
    const signature = sign(dispatchProof(subject, payload), secretKey);
    const signed = Signed.encode({ payload, signature }).finish();
    watch({ kind: "command", node, verb, payload: signed, asked: new Uint8Array(0) });
    const listeners = network.connections(node).filter((it) => it.listensTo(subject));
    if (listeners.length === 0) return Promise.resolve(unheard);
    const answerTo = `mesh.up.${node}.answer.${++this.#questions}`;
    return new Promise((resolve) => {
      const timer = network.clock.set(
        () => this.#take(answerTo)?.resolve(unheard),
        limits.dispatchAnswerMs,
      );
      this.#waiting.set(answerTo, { resolve, timer });
      for (const listener of listeners) listener.command(subject, signed, answerTo);
    });
  }

  #take(subject: string): Waiting | undefined {
    const waiting = this.#waiting.get(subject);
    this.#waiting.delete(subject);
    if (waiting !== undefined) waiting.timer.cleared = true;
    return waiting;
  }
}

interface Waiting {
  readonly resolve: (reply: DispatchReply) => void;
  readonly timer: TimerHandle;
}

async function handle(
  handlers: MeshHandlers,
  node: string,
  verb: string,
  data: Uint8Array,
): Promise<Uint8Array> {
  switch (verb) {
    case "session":
      return SessionReply.encode(await handlers.session(node)).finish();
    case "hello":
      return HelloReply.encode(await handlers.hello(node, inputs.hello(data))).finish();
    case "facts":
      return FactsReply.encode(await handlers.facts(node, inputs.facts(data))).finish();
    case "witness":
      return WitnessReply.encode(await handlers.witness(node, inputs.witness(data))).finish();
    case "release":
      return ReleaseReply.encode(await handlers.release(node, inputs.release(data))).finish();
    case "rotate":
      return RotateReply.encode(await handlers.rotate(node, inputs.rotate(data))).finish();
    case "events":
      return EventAck.encode(await handlers.events(node, inputs.events(data))).finish();
    case "renew":
      return RenewReply.encode(await handlers.renew(node, inputs.renew(data))).finish();
    default:
      throw new Error(`a node may not ask ${verb}`);
  }
}

/** Every answer carries its problems in the same field. */
function asAnswer(problems: Problem[]): Uint8Array {
  return DispatchReply.encode({ problems, refusals: [] }).finish();
}

const internal = problem("INTERNAL", "the coordinator failed to answer");
const unheard: DispatchReply = {
  problems: [problem("UNREACHABLE", "not answered")],
  refusals: [],
};
