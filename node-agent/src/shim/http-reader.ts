import { limits } from "@cohort/proto/limits";
import { concatenate } from "../bytes.ts";
import type { Socket } from "../host.ts";
import { agentLimits } from "../limits.ts";
import { type HttpHead, HttpRefusal, parseHead } from "./http-head.ts";

export interface HttpRequest {
  readonly head: HttpHead;
  readonly body: Uint8Array;
}

/** Requests of one connection, one after the other. */
export class HttpReader {
  readonly #socket: Socket;
  #buffered: Uint8Array = new Uint8Array(0);

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** null when the connection ended between two requests. Throws HttpRefusal. */
  async head(): Promise<HttpHead | null> {
    const lines = await this.#until("\r\n\r\n", agentLimits.shimHeadBytesMax, 431);
    return lines === null ? null : parseHead(lines);
  }

  /** The body of the request whose head was read last. Throws HttpRefusal. */
  async body(head: HttpHead): Promise<Uint8Array> {
    if (head.expectsContinue && head.body !== 0) {
      await this.#socket.write(new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n"));
    }
    return head.body === "chunked" ? await this.#chunks() : await this.#take(head.body);
  }

  /** RFC 9112, 7.1; extensions and trailers are refused, since nobody needs them here. */
  async #chunks(): Promise<Uint8Array> {
    const chunks: Uint8Array[] = [];
    for (let total = 0; ; ) {
      const line = new TextDecoder().decode((await this.#until("\r\n", 16, 400)) ?? truncated());
      if (!/^[0-9a-fA-F]{1,8}$/.test(line)) throw new HttpRefusal(400, "a chunk is malformed");
      const length = Number.parseInt(line, 16);
      total += length;
      if (total > limits.proxyBodyBytesMax) throw new HttpRefusal(413, "the body is too large");
      chunks.push(await this.#take(length));
      const end = await this.#take(2);
      if (end[0] !== 13 || end[1] !== 10) throw new HttpRefusal(400, "a chunk is malformed");
      if (length === 0) return concatenate(chunks);
    }
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

  async #take(length: number): Promise<Uint8Array> {
    const pieces = [this.#buffered];
    let available = this.#buffered.length;
    while (available < length) {
      const bytes = await this.#socket.read();
      if (bytes === null) return truncated();
      pieces.push(bytes);
      available += bytes.length;
    }
    const joined = pieces.length === 1 ? this.#buffered : concatenate(pieces);
    this.#buffered = joined.subarray(length);
    return joined.slice(0, length);
  }

  async #fill(): Promise<boolean> {
    const bytes = await this.#socket.read();
    if (bytes === null) return false;
    this.#buffered = concatenate([this.#buffered, bytes]);
    return true;
  }
}

function truncated(): never {
  throw new HttpRefusal(400, "the request ends too early");
}

function indexOf(bytes: Uint8Array, mark: string, from: number): number {
  const codes = [...mark].map((character) => character.charCodeAt(0));
  for (let at = from; at + codes.length <= bytes.length; at++) {
    if (codes.every((code, index) => bytes[at + index] === code)) return at;
  }
  return -1;
}
