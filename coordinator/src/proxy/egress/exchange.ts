import type { ErrorCode } from "@cohort/proto/errors";
import type { Header } from "@cohort/proto/gen/cohort/node";
import { type Problem, problem } from "@cohort/proto/problem";
import { type Dispatcher, errors } from "undici";

export interface ExchangeRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers: readonly Header[];
  readonly body: Uint8Array;
  /** A longer answer is cut off and refused. */
  readonly responseBytesMax: number;
}

export type Exchange =
  | {
      readonly kind: "answered";
      readonly status: number;
      readonly headers: ResponseHeaders;
      readonly body: Buffer;
    }
  | Failure;

/**
 * `unsent`: not a byte of the request left, and none will. `failed`: it left, at least in part, so
 * that the service may have done, and may bill, what was asked.
 */
export interface Failure {
  readonly kind: "unsent" | "failed";
  readonly problem: Problem;
  /** Of the answer's body, as far as it came. */
  readonly bytesIn: number;
}

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/** One request and its whole answer over one pool, until `deadline` aborts. Never rejects. */
export function exchange(
  pool: Dispatcher,
  request: ExchangeRequest,
  deadline: AbortSignal,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const handler = new ExchangeHandler(request.responseBytesMax, (outcome) => {
      deadline.removeEventListener("abort", giveUp);
      resolve(outcome);
    });
    const giveUp = () => handler.fail("UPSTREAM_TIMEOUT", "the service did not answer in time");
    deadline.addEventListener("abort", giveUp);
    if (deadline.aborted) return giveUp();
    const { method, path, headers, body } = request;
    pool.dispatch(
      {
        method,
        path,
        headers: Object.fromEntries(headers.map(({ name, value }) => [name, value])),
        body: body.length === 0 ? null : body,
        headersTimeout: 0,
        bodyTimeout: 0,
      },
      handler,
    );
  });
}

const malformed = [
  errors.HTTPParserError,
  errors.HeadersOverflowError,
  errors.ResponseContentLengthMismatchError,
];

class ExchangeHandler implements Dispatcher.DispatchHandler {
  #controller: Dispatcher.DispatchController | null = null;
  #ended = false;
  #status = 0;
  #headers: ResponseHeaders = {};
  #bytesIn = 0;
  readonly #chunks: Buffer[] = [];

  constructor(
    readonly responseBytesMax: number,
    readonly done: (outcome: Exchange) => void,
  ) {}

  /** Last moment before the request is written; what was given up in the queue ends here. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    if (this.#ended) return controller.abort(new Error("given up before it was sent"));
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: ResponseHeaders,
  ): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytesIn += chunk.length;
    if (this.#bytesIn <= this.responseBytesMax) this.#chunks.push(chunk);
    else this.fail("UPSTREAM_INVALID", `the answer is longer than ${this.responseBytesMax} bytes`);
  }

  onResponseEnd(): void {
    const body = Buffer.concat(this.#chunks);
    this.#end({ kind: "answered", status: this.#status, headers: this.#headers, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (malformed.some((kind) => error instanceof kind)) {
      return this.fail("UPSTREAM_INVALID", "the answer is malformed, or its headers are too large");
    }
    const code = codeOf(error);
    const what = this.#controller === null ? "could not be reached" : "broke the connection off";
    this.fail("UPSTREAM_UNREACHABLE", `the service ${what} (${code})`);
  }

  fail(code: ErrorCode, message: string): void {
    const kind = this.#controller === null ? "unsent" : "failed";
    this.#end({ kind, problem: problem(code, message), bytesIn: this.#bytesIn });
    this.#controller?.abort(new Error(message));
  }

  #end(outcome: Exchange): void {
    if (this.#ended) return;
    this.#ended = true;
    this.done(outcome);
  }
}

/** A library's code is passed on, its text never: nobody knows what it quotes. */
function codeOf(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /^[A-Z0-9_]{1,64}$/.test(code) ? code : "UNKNOWN";
}
