import { CallNote, ProxyReply } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { subjects } from "@cohort/proto/subjects";
import type { Msg, NatsConnection } from "@nats-io/nats-core";

interface Caller {
  readonly name: string;
  readonly bus: { readonly connection: NatsConnection };
}

/** A call's conversation in a test's hand. It takes what comes, unless it is told not to. */
export class RogueCall {
  readonly replies: ProxyReply[] = [];
  /** Whether it tells what it has taken. */
  taking = true;
  readonly inbox: string;
  readonly #node: Caller;
  #taken = 0;
  #wake: () => void = () => {};

  constructor(node: Caller, inbox: string, request: Uint8Array) {
    const { connection } = node.bus;
    this.#node = node;
    this.inbox = inbox;
    connection.publish(subjects.up(node.name, "proxy"), request, { reply: this.inbox });
  }

  say(note: CallNote["note"], inbox = this.inbox): void {
    const subject = subjects.up(this.#node.name, "call");
    const payload = CallNote.encode({ note }).finish();
    this.#node.bus.connection.publish(subject, payload, { reply: inbox });
  }

  /** Resolves when what was said so far is as the test wants it. */
  async until(met: (replies: readonly ProxyReply[]) => boolean): Promise<void> {
    const deadline = Date.now() + waitMsMax;
    while (!met(this.replies)) {
      if (Date.now() > deadline) throw new Error("the coordinator said nothing of the kind");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** All that is said, to the end. */
  async rest(): Promise<readonly ProxyReply[]> {
    await this.until((replies) => replies.at(-1)?.last === true);
    return this.replies;
  }

  hear({ data, headers }: Msg): void {
    const reply = headers?.code === 503 ? unheard : ProxyReply.decode(data);
    this.replies.push(reply);
    this.#taken += reply.body.length;
    if (this.taking && reply.body.length > 0 && !reply.last) {
      this.say({ $case: "taken", value: this.#taken });
    }
    this.#wake();
  }
}

const waitMsMax = 20_000 + limits.proxyIdleMs;
const unheard = ProxyReply.fromPartial({
  problems: [{ code: "UNREACHABLE", message: "nobody listens" }],
  last: true,
});
