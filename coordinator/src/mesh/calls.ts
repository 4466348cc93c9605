import type { CallNote, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, refuse } from "@cohort/proto/problem";
import { subjects } from "@cohort/proto/subjects";
import type { Msg, Subscription } from "@nats-io/nats-core";
import { Conversation } from "./conversation.ts";
import { inputs } from "./inputs.ts";
import type { MeshHandlers } from "./mesh.ts";
import { internal, type ServeContext, senderOf, subscribe, tooMany } from "./serve.ts";

/** Proxied calls: each begins with a request and goes on as a conversation, until all is said. */
export class Calls {
  readonly #context: ServeContext;
  readonly #handlers: Pick<MeshHandlers, "proxy">;
  /** By the inbox that the node gave the call, which is its own: nobody else can name it. */
  readonly #open = new Map<string, Conversation>();

  constructor(context: ServeContext, handlers: Pick<MeshHandlers, "proxy">) {
    this.#context = context;
    this.#handlers = handlers;
  }

  serve(): Subscription[] {
    return [
      subscribe(this.#context, subjects.everyUp("proxy"), (message) => this.#begin(message)),
      subscribe(this.#context, subjects.everyUp("call"), (message) => this.#hear(message)),
    ];
  }

  /** The coordinator ends: what is out is broken off and settled while that is still possible. */
  breakOff(): void {
    const reason = refuse("UNREACHABLE", "the coordinator ends; ask again in a moment");
    for (const conversation of this.#open.values()) conversation.end(reason);
  }

  #begin(message: Msg): void {
    const { inFlight, log } = this.#context;
    const working = this.#converse(message)
      .catch((error: unknown) => log.error({ err: error, verb: "proxy" }, "call failed"))
      .finally(() => inFlight.delete(working));
    inFlight.add(working);
  }

  async #converse(message: Msg): Promise<void> {
    const { admission, complaints, log } = this.#context;
    const sender = senderOf("proxy", message, this.#context);
    if (sender === null) return;
    const { owner, inbox } = sender;
    if (this.#open.has(inbox)) {
      return complaints.about(owner, "proxy dropped: a call is begun twice");
    }
    const conversation = this.#conversation(inbox);
    const release = admission.admit(owner, "proxy");
    if (release === null) return conversation.refuse([tooMany]);
    this.#open.set(inbox, conversation);
    try {
      const request: ProxyRequest = inputs.proxy(message.data);
      conversation.begin(request.body.length);
      await this.#handlers.proxy(owner, request, conversation);
    } catch (error) {
      if (!(error instanceof CohortError)) log.error({ err: error, owner }, "call failed");
      conversation.refuse(problemsOf(error));
    } finally {
      release();
      this.#open.delete(inbox);
      conversation.end(over);
    }
  }

  #conversation(inbox: string): Conversation {
    const { outbox } = this.#context;
    return new Conversation((payload) => outbox.send(inbox, payload));
  }

  /** What is said of a call that is over crossed its end on the way. */
  #hear(message: Msg): void {
    const { admission, complaints } = this.#context;
    const sender = senderOf("call", message, this.#context);
    const conversation = sender === null ? undefined : this.#open.get(sender.inbox);
    if (sender === null || conversation === undefined) return;
    const release = admission.admit(sender.owner, "call");
    if (release === null) {
      return conversation.end(refuse("LIMIT_EXCEEDED", "the node says too much at once"));
    }
    release();
    try {
      const { note } = inputs.call(message.data) as CallNote;
      if (note !== undefined) conversation.hear(note);
    } catch (error) {
      complaints.about(sender.owner, "call dropped", error);
      conversation.end(refuse("USAGE", "the node says of its call what cannot be read"));
    }
  }
}

/** One for all calls, each of which ends with it: to make an error takes longer than to end a call. */
const over = refuse("CALL_CANCELLED", "the call is over");

function problemsOf(error: unknown): readonly Problem[] {
  return error instanceof CohortError ? error.problems : [internal];
}
