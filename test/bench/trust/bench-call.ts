import { CallNote, ProxyReply, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { subjects } from "@cohort/proto/subjects";
import type { Msg } from "@nats-io/nats-core";
import type { RogueNode } from "../../kit/rogue-node.ts";

/**
 * One call as the agent leads it: what has come of the answer is counted and not kept, and told of a
 * quarter of the window at a time. The tests' own call keeps all, which would measure the benchmark.
 */
export class BenchCall {
  /** Resolves with the bytes of the answer's body. Rejects where there was no answer. */
  readonly ended: Promise<number>;
  readonly #node: RogueNode;
  readonly #inbox: string;
  #end: (error: Error | null) => void = () => {};
  #status = 0;
  #bytes = 0;
  #told = 0;

  constructor(node: RogueNode, inbox: string, request: ProxyRequest) {
    this.#node = node;
    this.#inbox = inbox;
    this.ended = new Promise((resolve, reject) => {
      this.#end = (error) => (error === null ? resolve(this.#bytes) : reject(error));
    });
    this.#publish("proxy", ProxyRequest.encode(request).finish());
  }

  hear({ data }: Msg): void {
    const { problems, status, body, last } = ProxyReply.decode(data);
    this.#status ||= status;
    this.#bytes += body.length;
    if (last) return this.#end(this.#faultOf(problems));
    if (this.#bytes - this.#told < limits.proxyWindowBytes / 4) return;
    this.#told = this.#bytes;
    const note = CallNote.encode({ note: { $case: "taken", value: this.#told } });
    this.#publish("call", note.finish());
  }

  #faultOf([problem]: ProxyReply["problems"]): Error | null {
    if (problem === undefined && this.#status === 200) return null;
    return new Error(`a call failed: ${problem?.code ?? this.#status} ${problem?.message ?? ""}`);
  }

  #publish(verb: "proxy" | "call", payload: Uint8Array): void {
    const { name, bus } = this.#node;
    bus.connection.publish(subjects.up(name, verb), payload, { reply: this.#inbox });
  }
}
