import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import { type CohortError, refuse } from "@cohort/proto/problem";
import type { AnswerReceiver, ResponseHeaders } from "./exchange.ts";

/**
 * Takes the content encoding off (RFC 9110 section 8.4), which some services use although none was
 * asked for, and lets at most `bytesMax` pass. Throws UPSTREAM_INVALID for what is encoded in another
 * way, more than once, damaged, or longer.
 */
export function plainAnswer(
  receiver: AnswerReceiver,
  method: string,
  bytesMax: number,
): AnswerReceiver {
  let decoder: Decoder | null = null;
  let bytes = 0;
  const pass = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > bytesMax) throw tooLong(bytesMax);
    return receiver.data(chunk);
  };
  return {
    head(status, headers) {
      // To HEAD, it is the length that the body would have.
      const length = method === "HEAD" ? 0 : Number(headers["content-length"] ?? 0);
      if (length > bytesMax) throw tooLong(bytesMax);
      decoder = decoderFor(headers, pass);
      receiver.head(status, headers);
    },
    data: (chunk) => (decoder === null ? pass(chunk) : decoder.write(chunk)),
    ended() {
      if (decoder === null) return receiver.ended();
      return decoder.end().then(() => receiver.ended());
    },
  };
}

type Unzip = ReturnType<typeof createGunzip>;

const unzips = new Map<string, () => Unzip>([
  ["gzip", createGunzip],
  ["x-gzip", createGunzip],
  ["deflate", createInflate],
  ["br", createBrotliDecompress as unknown as () => Unzip],
]);

function decoderFor(
  headers: ResponseHeaders,
  pass: (chunk: Buffer) => Promise<void> | undefined,
): Decoder | null {
  const name = [headers["content-encoding"] ?? []].flat().join(", ").trim().toLowerCase();
  if (name === "" || name === "identity") return null;
  const create = unzips.get(name);
  if (create === undefined) throw notAccepted();
  return new Decoder(create(), pass);
}

/** What comes out is waited for before more goes in, so that little grows to much in no one's memory. */
class Decoder {
  readonly #unzip: Unzip;
  readonly #read: Promise<void>;
  #failure: unknown = null;
  #bytes = 0;

  constructor(unzip: Unzip, pass: (chunk: Buffer) => Promise<void> | undefined) {
    this.#unzip = unzip;
    this.#read = this.#passAll(pass);
    this.#read.catch(() => {});
  }

  write(chunk: Buffer): Promise<void> {
    this.#bytes += chunk.length;
    return new Promise((resolve, reject) => {
      this.#unzip.write(chunk, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(this.#failure ?? notAccepted());
      });
      // zlib forgets about what was written to it when it finds that it is damaged.
      this.#read.catch(reject);
    });
  }

  async end(): Promise<void> {
    // Services send an encoding with no body at all, to HEAD for one.
    if (this.#bytes === 0) return void this.#unzip.destroy();
    this.#unzip.end();
    await this.#read;
  }

  async #passAll(pass: (chunk: Buffer) => Promise<void> | undefined): Promise<void> {
    try {
      for await (const chunk of this.#unzip) await pass(chunk as Buffer);
    } catch (error) {
      this.#failure = error instanceof Error && "problems" in error ? error : notAccepted();
      this.#unzip.destroy();
      throw this.#failure;
    }
  }
}

function notAccepted(): CohortError {
  return refuse(
    "UPSTREAM_INVALID",
    "the answer is compressed in a way that is not accepted, or damaged",
  );
}

function tooLong(bytesMax: number): CohortError {
  return refuse("UPSTREAM_INVALID", `the answer is longer than ${bytesMax} bytes`, {
    hint: "raise `limits.response` of the service",
  });
}
