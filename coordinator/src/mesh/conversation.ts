import { type BodyPiece, type CallNote, ProxyReply } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { type CohortError, type Problem, refuse } from "@cohort/proto/problem";
import type { CallChannel } from "../proxy/channel.ts";

/** One call's channel: windows, order and patience, over messages that go one way each. */
export class Conversation implements CallChannel {
  readonly #publish: (payload: Uint8Array) => void;
  readonly #ended = new AbortController();
  #index = 0;
  /** Bytes of the answer: said, and taken by the node. */
  #said = 0;
  #taken = 0;
  /** Bytes of the request's body: heard, and asked for. */
  #heard = 0;
  #granted = 0;
  readonly #pieces: BodyPiece[] = [];
  readonly #waiting = new Set<() => void>();
  #sign: NodeJS.Timeout | undefined;
  /** Something was said since the last sign. */
  #spoke = false;
  #over = false;

  constructor(publish: (payload: Uint8Array) => void) {
    this.#publish = publish;
  }

  get gone(): AbortSignal {
    return this.#ended.signal;
  }

  /** `bytes` of the body came with the request. */
  begin(bytes: number): void {
    this.#heard = bytes;
    this.#sign = setInterval(() => {
      if (!this.#spoke) this.send({});
      this.#spoke = false;
    }, limits.proxySignMs);
  }

  /** Of a call that is over, more than one end may come to be known; the first one counts. */
  end(reason: CohortError): void {
    clearInterval(this.#sign);
    this.#ended.abort(reason);
    this.#wake();
  }

  refuse(problems: readonly Problem[]): void {
    this.send({ problems: [...problems], last: true });
  }

  hear(note: NonNullable<CallNote["note"]>): void {
    switch (note.$case) {
      case "piece":
        return this.#hearPiece(note.value);
      case "taken":
        return this.#hearTaken(note.value);
      case "cancelled":
        return this.end(refuse("CALL_CANCELLED", "the step hung up"));
    }
  }

  grant(bytes: number): void {
    // A quarter of the window at once, so that words are few.
    if (bytes < this.#granted + limits.proxyWindowBytes / 4) return;
    this.#granted = bytes;
    this.send({ granted: bytes });
  }

  async nextPiece(): Promise<BodyPiece> {
    await this.#until(() => this.#pieces.length > 0, "the next piece of its body");
    return this.#pieces.shift() as BodyPiece;
  }

  async room(bytes: number): Promise<void> {
    const fits = () => this.#said + bytes - this.#taken <= limits.proxyWindowBytes;
    await this.#until(fits, "room for the answer");
  }

  send(reply: Partial<ProxyReply>): void {
    if (this.#over) return;
    this.#over = reply.last ?? false;
    this.#spoke = true;
    this.#said += reply.body?.length ?? 0;
    this.#publish(
      ProxyReply.encode(ProxyReply.fromPartial({ ...reply, index: this.#index++ })).finish(),
    );
  }

  #hearPiece(piece: BodyPiece): void {
    this.#heard += piece.data.length;
    if (this.#heard > this.#granted || this.#pieces.at(-1)?.last === true) {
      return this.end(refuse("USAGE", "the node sends what it was not asked for"));
    }
    this.#pieces.push(piece);
    this.#wake();
  }

  #hearTaken(bytes: number): void {
    if (bytes > this.#said) return this.end(refuse("USAGE", "the node took what was never sent"));
    this.#taken = Math.max(this.#taken, bytes);
    this.#wake();
  }

  #wake(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** A node that keeps the call waiting has gone. */
  async #until(met: () => boolean, what: string): Promise<void> {
    if (!met() && !this.gone.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => {
          this.end(refuse("CALL_CANCELLED", `the node owed the call ${what} for too long`));
        }, limits.proxyIdleMs);
        const look = () => {
          if (!met() && !this.gone.aborted) return;
          clearTimeout(timer);
          this.#waiting.delete(look);
          resolve();
        };
        this.#waiting.add(look);
      });
    }
    this.gone.throwIfAborted();
  }
}
