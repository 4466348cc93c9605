import { concatenate } from "../bytes.ts";
import type { Socket } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { HttpBody, type RequestBody, truncated } from "./http-body.ts";
import { type HttpHead, HttpRefusal, parseHead } from "./http-head.ts";

export interface HttpRequest {
  readonly head: HttpHead;
  readonly body: RequestBody;
  /** Aborted when whoever asks has hung up. */
  readonly gone: AbortSignal;
}

/** Requests of one connection, one after the other. */
export class HttpReader {
  readonly #socket: Socket;
  #buffered: Uint8Array = new Uint8Array(0);
  /** A read that was begun and not yet taken. */
  #pending: Promise<Uint8Array | null> | null = null;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** null when the connection ended between two requests. Throws HttpRefusal. */
  async head(): Promise<HttpHead | null> {
    const lines = await this.#until("\r\n\r\n", agentLimits.shimHeadBytesMax, 431);
    return lines === null ? null : parseHead(lines);
  }

  /** The body of the request whose head was read last. */
  body(head: HttpHead): HttpBody {
    return new HttpBody(head, {
      until: (mark, lengthMax) => this.#until(mark, lengthMax, 400),
      take: (lengthMax) => this.#take(lengthMax),
      answer: (text) => this.#socket.write(new TextEncoder().encode(text)),
    });
  }

  /** Tells when the connection ends, of which nothing more is to be read until it is answered. */
  watch(gone: () => void): void {
    if (this.#buffered.length > 0) return;
    this.#pending ??= this.#socket.read();
    this.#pending.then((bytes) => {
      if (bytes === null) gone();
    }, gone);
  }

  /** What stands before the mark, which is consumed; null when there is nothing more at all. */
  async #until(mark: string, lengthMax: number, status: number): Promise<Uint8Array | null> {
    for (let from = 0; ; ) {
      const at = indexOf(this.#buffered, mark, from);
      if (at >= 0 && at <= lengthMax) {
        const found = this.#buffered.subarray(0, at);
        this.#buffered = this.#buffered.subarray(at + mark.length);
        return found;
      }
      if (at > lengthMax || this.#buffered.length > lengthMax + mark.length) {
        throw new HttpRefusal(status, "a line or the head is too long");
      }
      from = Math.max(0, this.#buffered.length - mark.length + 1);
      if (await this.#fill()) continue;
      if (this.#buffered.length === 0) return null;
      throw new HttpRefusal(400, "the request ends too early");
    }
  }

  /** What has come, at most so much and at least something. */
  async #take(lengthMax: number): Promise<Uint8Array> {
    if (this.#buffered.length === 0 && !(await this.#fill())) return truncated();
    const taken = this.#buffered.slice(0, lengthMax);
    this.#buffered = this.#buffered.subarray(taken.length);
    return taken;
  }

  async #fill(): Promise<boolean> {
    this.#pending ??= this.#socket.read();
    const bytes = await this.#pending.finally(() => {
      this.#pending = null;
    });
    if (bytes === null) return false;
    this.#buffered = this.#buffered.length === 0 ? bytes : concatenate([this.#buffered, bytes]);
    return true;
  }
}

function indexOf(bytes: Uint8Array, mark: string, from: number): number {
  const codes = [...mark].map((character) => character.charCodeAt(0));
  for (let at = from; at + codes.length <= bytes.length; at++) {
    if (codes.every((code, index) => bytes[at + index] === code)) return at;
  }
  return -1;
}
