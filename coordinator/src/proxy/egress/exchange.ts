import type { ErrorCode } from "@cohort/proto/errors";
import type { Header } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, problem } from "@cohort/proto/problem";
import { type Dispatcher, errors } from "undici";
import { proxyLimits } from "../limits.ts";

export interface ExchangeRequest {
  readonly method: Dispatcher.HttpMethod;
  readonly path: string;
  readonly headers: readonly Header[];
  readonly body: OutboundBody;
}

/** What is sent: at once, or as it comes. */
export interface OutboundBody {
  /** null while nobody knows: it is sent in chunks. */
  readonly length: number | null;
  readonly whole: Uint8Array | null;
  pieces(): AsyncIterable<Uint8Array>;
}

/** Takes an answer as it comes. What it throws, a CohortError, breaks the call off. */
export interface AnswerReceiver {
  /** Of the final answer; interim ones are passed over. */
  head(status: number, headers: ResponseHeaders): void;
  /** The promise, where there is one, resolves when more may come. */
  data(chunk: Buffer): Promise<void> | undefined;
  /** All has come. */
  ended(): Promise<void> | undefined;
}

export type Exchange =
  | { readonly kind: "answered"; readonly status: number; readonly bytesIn: number }
  | Failure;

/**
 * `unsent`: not a byte of the request left, and none will. `failed`: it left, at least in part, so
 * that the service may have done, and may bill, what was asked.
 */
export interface Failure {
  readonly kind: "unsent" | "failed";
  readonly problem: Problem;
  /** 0 when there was no answer. */
  readonly status: number;
  /** Of the answer's body, as far as it came. */
  readonly bytesIn: number;
}

export type ResponseHeaders = Readonly<Record<string, string | string[] | undefined>>;

/**
 * One request and its answer over one pool, until `cancel` aborts, whose reason is a CohortError. An
 * answer that has begun may not pause for longer than `proxyLimits.answerIdleMs`. Never rejects.
 */
export function exchange(
  pool: Dispatcher,
  request: ExchangeRequest,
  receiver: AnswerReceiver,
  cancel: AbortSignal,
): Promise<Exchange> {
  return new Promise((resolve) => {
    const handler = new ExchangeHandler(receiver, (outcome) => {
      cancel.removeEventListener("abort", giveUp);
      resolve(outcome);
    });
    const giveUp = () => handler.fail(cancel.reason);
    cancel.addEventListener("abort", giveUp);
    if (cancel.aborted) return giveUp();
    const { method, path, headers, body } = request;
    const { length } = body;
    const framing = length === null || length === 0 ? {} : { "content-length": `${length}` };
    pool.dispatch(
      {
        method,
        path,
        headers: {
          ...Object.fromEntries(headers.map(({ name, value }) => [name, value])),
          ...(body.whole === null ? framing : {}),
        },
        body: body.whole === null ? body.pieces() : body.whole.length === 0 ? null : body.whole,
        headersTimeout: 0,
        bodyTimeout: 0,
      } as Dispatcher.DispatchOptions,
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
  #bytesIn = 0;
  #idle: NodeJS.Timeout | undefined;

  constructor(
    readonly receiver: AnswerReceiver,
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
    if (status < 200) return;
    this.#status = status;
    this.#expectMore();
    this.#guarded(() => this.receiver.head(status, headers));
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#bytesIn += chunk.length;
    this.#guarded(() => {
      const taken = this.receiver.data(chunk);
      if (taken === undefined) return this.#expectMore();
      clearTimeout(this.#idle);
      controller.pause();
      taken.then(
        () => {
          this.#expectMore();
          controller.resume();
        },
        (error: unknown) => this.fail(error),
      );
    });
  }

  onResponseEnd(): void {
    clearTimeout(this.#idle);
    this.#guarded(() => {
      const taken = this.receiver.ended();
      const answered = () =>
        this.#end({ kind: "answered", status: this.#status, bytesIn: this.#bytesIn });
      if (taken === undefined) return answered();
      taken.then(answered, (error: unknown) => this.fail(error));
    });
  }

  /** Also what the request's own body threw. */
  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (error instanceof CohortError) return this.fail(error);
    if (malformed.some((kind) => error instanceof kind)) {
      const what = "the answer is malformed, or its headers are too large";
      return this.#fail("UPSTREAM_INVALID", what);
    }
    const code = codeOf(error);
    const what = this.#controller === null ? "could not be reached" : "broke the connection off";
    this.#fail("UPSTREAM_UNREACHABLE", `the service ${what} (${code})`);
  }

  fail(error: unknown): void {
    const [first] = error instanceof CohortError ? error.problems : [];
    this.#failWith(first ?? problem("INTERNAL", "the proxy failed while the call was out"));
  }

  #fail(code: ErrorCode, message: string): void {
    this.#failWith(problem(code, message));
  }

  #failWith(what: Problem): void {
    const kind = this.#controller === null ? "unsent" : "failed";
    this.#end({ kind, problem: what, status: this.#status, bytesIn: this.#bytesIn });
    this.#controller?.abort(new Error(what.message));
  }

  #guarded(act: () => void): void {
    if (this.#ended) return;
    try {
      act();
    } catch (error) {
      this.fail(error);
    }
  }

  #expectMore(): void {
    clearTimeout(this.#idle);
    if (this.#ended) return;
    this.#idle = setTimeout(
      () => this.#fail("UPSTREAM_TIMEOUT", "the service paused for too long within its answer"),
      proxyLimits.answerIdleMs,
    );
  }

  #end(outcome: Exchange): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#idle);
    this.done(outcome);
  }
}

/** A library's code is passed on, its text never: nobody knows what it quotes. */
function codeOf(error: Error): string {
  const code = "code" in error && typeof error.code === "string" ? error.code : "";
  return /^[A-Z0-9_]{1,64}$/.test(code) ? code : "UNKNOWN";
}
