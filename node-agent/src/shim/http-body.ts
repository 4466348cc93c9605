import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { concatenate } from "../bytes.ts";
import { type HttpHead, HttpRefusal } from "./http-head.ts";

/** A request's body as it comes. */
export interface RequestBody {
  /** The next bytes; null at the end. Throws HttpRefusal. */
  read(): Promise<Uint8Array | null>;
  /** All of it has been read. */
  readonly ended: boolean;
}

/** All of a body. Throws LIMIT_EXCEEDED when it is longer. */
export async function wholeBody(body: RequestBody, bytesMax: number): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (let bytes = await body.read(); bytes !== null; bytes = await body.read()) {
    length += bytes.length;
    if (length > bytesMax) throw refuse("LIMIT_EXCEEDED", "the request is too large");
    pieces.push(bytes);
  }
  return concatenate(pieces);
}

/** What a body is read from. */
interface BodySource {
  until(mark: string, lengthMax: number): Promise<Uint8Array | null>;
  take(lengthMax: number): Promise<Uint8Array>;
  answer(text: string): Promise<void>;
}

/** The body of one request, as HTTP frames it. */
export class HttpBody implements RequestBody {
  readonly #source: BodySource;
  readonly #chunked: boolean;
  /** Of the body, or of the chunk. */
  #left: number;
  #total = 0;
  #awaitsContinue: boolean;
  #ended: boolean;
  #latest: Promise<unknown> = Promise.resolve();
  /** Called when all of it has been read. */
  onEnd: () => void = () => {};

  constructor(head: HttpHead, source: BodySource) {
    this.#source = source;
    this.#chunked = head.body === "chunked";
    this.#left = head.body === "chunked" ? 0 : head.body;
    this.#ended = head.body === 0;
    this.#awaitsContinue = head.expectsContinue && !this.#ended;
  }

  /** All of it has been read. */
  get ended(): boolean {
    return this.#ended;
  }

  /** One at a time, in the order in which they were asked for. */
  read(): Promise<Uint8Array | null> {
    const read = this.#latest.then(() => this.#read());
    this.#latest = read.catch(() => null);
    return read;
  }

  async #read(): Promise<Uint8Array | null> {
    if (this.#ended) return null;
    if (this.#awaitsContinue) {
      this.#awaitsContinue = false;
      await this.#source.answer("HTTP/1.1 100 Continue\r\n\r\n");
    }
    if (this.#chunked && this.#left === 0) await this.#beginChunk();
    if (this.#ended) return null;
    const bytes = await this.#source.take(this.#left);
    this.#left -= bytes.length;
    if (this.#left === 0) {
      if (this.#chunked) await this.#endLine();
      else this.#end();
    }
    return bytes;
  }

  /** Reads what nobody wants, so that the answer is not lost with it; false when it will not come. */
  async skip(): Promise<boolean> {
    if (this.#awaitsContinue) return false;
    while ((await this.read()) !== null);
    return true;
  }

  /** RFC 9112, 7.1; extensions and trailers are refused, since nobody needs them here. */
  async #beginChunk(): Promise<void> {
    const line = new TextDecoder().decode((await this.#source.until("\r\n", 16)) ?? truncated());
    if (!/^[0-9a-fA-F]{1,8}$/.test(line)) throw new HttpRefusal(400, "a chunk is malformed");
    this.#left = Number.parseInt(line, 16);
    this.#total += this.#left;
    if (this.#total > limits.proxyBodyBytesMax) {
      throw new HttpRefusal(413, "the body is too large");
    }
    if (this.#left > 0) return;
    await this.#endLine();
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.onEnd();
  }

  async #endLine(): Promise<void> {
    for (const expected of [13, 10]) {
      if ((await this.#source.take(1))[0] !== expected) {
        throw new HttpRefusal(400, "a chunk is malformed");
      }
    }
  }
}

export function truncated(): never {
  throw new HttpRefusal(400, "the request ends too early");
}
