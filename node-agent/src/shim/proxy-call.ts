import {
  type BodyPiece,
  CallNote,
  type Header,
  ProxyReply,
  type ProxyRequest,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, refuse } from "@cohort/proto/problem";
import type { Conversation, Listener } from "../mesh/bus.ts";
import { deferred } from "../wait.ts";
import type { AnswerStream } from "./http-answer.ts";

/** How a call reaches the coordinator. */
export interface CallLine {
  open(request: ProxyRequest, listener: Listener): Conversation;
  /** Of what is said of the call after that. */
  readonly subject: string;
  /** Called once, when the call is over for the node. */
  closed(): void;
}

/** The next piece of a request's body, of at least one byte unless it is the last; signed. */
export type NextPiece = (bytesMax: number) => Promise<BodyPiece>;

export interface AnswerHead {
  readonly status: number;
  readonly headers: readonly Header[];
  /** All of the body, where it came with the head. */
  readonly whole: Uint8Array | null;
}

/** One proxied call, from its request to the end of its answer. The rules are those of node.proto. */
export class ProxyCall implements AnswerStream, Listener {
  readonly #line: CallLine;
  readonly #conversation: Conversation;
  readonly #replies: ProxyReply[] = [];
  #heard = 0;
  #wake = deferred<void>();
  #failure: CohortError | null = null;
  /** The coordinator has said all. */
  #ended = false;
  #closed = false;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #granted = 0;
  #taken = 0;
  #told = 0;

  /** Throws UNREACHABLE. */
  constructor(line: CallLine, request: ProxyRequest) {
    this.#line = line;
    this.#conversation = line.open(request, this);
    this.#awaitSign();
  }

  /** Sends the rest of the body as it is asked for. What `next` throws ends the call. */
  async sendBody(begun: number, next: NextPiece): Promise<void> {
    try {
      for (let sent = begun, last = false; !last; ) {
        while (this.#granted <= sent && !this.#isOver) await this.#wake.promise;
        if (this.#isOver) return;
        const piece = await next(Math.min(this.#granted - sent, limits.proxyPieceBytesMax));
        if (this.#isOver) return;
        this.#say({ $case: "piece", value: piece });
        sent += piece.data.length;
        last = piece.last;
      }
    } catch (error) {
      this.#fail(error instanceof CohortError ? error : cutOff());
      this.close();
    }
  }

  /** Resolves when the service begins to answer. Rejects with what the call was refused with. */
  async head(): Promise<AnswerHead> {
    const reply = await this.#next(({ status }) => status > 0);
    if (reply === null) throw refuse("INTERNAL", "the proxy's answer has no status");
    const { status, headers, body, last } = reply;
    if (!last && body.length > 0) this.#replies.unshift({ ...reply, status: 0, headers: [] });
    return { status, headers, whole: last ? body : null };
  }

  async next(): Promise<Uint8Array | null> {
    this.#tellTaken();
    const reply = await this.#next(({ body }) => body.length > 0);
    if (reply === null) return null;
    this.#taken += reply.body.length;
    return reply.body;
  }

  /** Nobody wants more of it; the coordinator, unless it has said all, is told so. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#silence);
    if (!this.#ended) this.#say({ $case: "cancelled", value: {} });
    this.#fail(cutOff());
    this.#conversation.close();
    this.#line.closed();
  }

  hear(payload: Uint8Array): void {
    let reply: ProxyReply;
    try {
      reply = ProxyReply.decode(payload);
    } catch {
      return this.#fail(refuse("INTERNAL", "the proxy's answer is malformed"));
    }
    if (this.#isOver) return;
    if (reply.index !== this.#heard++) {
      return this.#fail(refuse("CALL_UNCERTAIN", "a part of the answer was lost on the way"));
    }
    this.#awaitSign();
    this.#granted = Math.max(this.#granted, reply.granted);
    if (reply.problems.length > 0) return this.#fail(new CohortError(reply.problems), true);
    this.#replies.push(reply);
    this.#ended = reply.last;
    this.#ring();
  }

  lost(error: CohortError): void {
    this.#fail(error, true);
  }

  get #isOver(): boolean {
    return this.#ended || this.#failure !== null;
  }

  /** The first reply that is asked for, the others being of no use to whoever asks; null at the end. */
  async #next(wanted: (reply: ProxyReply) => boolean): Promise<ProxyReply | null> {
    for (;;) {
      for (let reply = this.#replies.shift(); reply !== undefined; reply = this.#replies.shift()) {
        if (wanted(reply)) return reply;
      }
      if (this.#failure !== null) throw this.#failure;
      if (this.#ended) return null;
      await this.#wake.promise;
    }
  }

  /** A quarter of the window at once, so that words are few. */
  #tellTaken(): void {
    if (this.#isOver || this.#taken - this.#told < limits.proxyWindowBytes / 4) return;
    this.#told = this.#taken;
    this.#say({ $case: "taken", value: this.#taken });
  }

  #say(note: NonNullable<CallNote["note"]>): void {
    this.#conversation.say(this.#line.subject, CallNote.encode({ note }).finish());
  }

  #awaitSign(): void {
    clearTimeout(this.#silence);
    if (this.#closed) return;
    this.#silence = setTimeout(() => {
      this.#fail(refuse("CALL_UNCERTAIN", "the coordinator says nothing any more"));
    }, limits.proxySilenceMsMax);
  }

  /** `ended`: by the coordinator, which need not be told. */
  #fail(error: CohortError, ended = false): void {
    clearTimeout(this.#silence);
    this.#failure ??= error;
    this.#ended ||= ended;
    this.#ring();
  }

  #ring(): void {
    const rung = this.#wake;
    this.#wake = deferred();
    rung.resolve();
  }
}

function cutOff(): CohortError {
  return refuse("CALL_CANCELLED", "the step hung up");
}
