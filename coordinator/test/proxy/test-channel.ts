import { type BodyPiece, ProxyReply } from "@cohort/proto/gen/cohort/node";
import type { CallChannel } from "../../src/proxy/channel.ts";

/** A call's channel in memory: hands out the pieces that a test puts in, and keeps what is answered. */
export class TestChannel implements CallChannel {
  readonly replies: ProxyReply[] = [];
  readonly ending = new AbortController();
  granted = 0;
  /** Called before each piece of the answer is sent; what it returns is waited for. */
  onRoom: (bytes: number) => Promise<void> = async () => {};
  readonly #pieces: BodyPiece[] = [];
  #wake: () => void = () => {};

  get gone(): AbortSignal {
    return this.ending.signal;
  }

  put(...pieces: BodyPiece[]): void {
    this.#pieces.push(...pieces);
    this.#wake();
  }

  grant(bytes: number): void {
    this.granted = bytes;
  }

  async nextPiece(): Promise<BodyPiece> {
    while (this.#pieces.length === 0) {
      this.gone.throwIfAborted();
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        this.gone.addEventListener("abort", () => resolve());
      });
    }
    return this.#pieces.shift() as BodyPiece;
  }

  async room(bytes: number): Promise<void> {
    await this.onRoom(bytes);
    this.gone.throwIfAborted();
  }

  send(reply: Partial<ProxyReply>): void {
    this.replies.push(ProxyReply.fromPartial({ ...reply, index: this.replies.length }));
  }

  /** All that was answered, as one. */
  get whole(): ProxyReply {
    return ProxyReply.fromPartial({
      problems: this.replies.flatMap(({ problems }) => problems),
      status: Math.max(0, ...this.replies.map(({ status }) => status)),
      headers: this.replies.flatMap(({ headers }) => headers),
      body: Buffer.concat(this.replies.map(({ body }) => body)),
      last: this.replies.at(-1)?.last ?? false,
    });
  }
}
