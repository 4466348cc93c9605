import {
  type AttemptKey,
  type Header,
  ProxyRequest,
  RenewReply,
  RenewRequest,
  type TokenDelivery,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import { pieceProof, requestProof } from "@cohort/proto/proof";
import { isName, subjects } from "@cohort/proto/subjects";
import type { AgentContext } from "../context.ts";
import { agentLimits } from "../limits.ts";
import { openToken } from "../steps/verify.ts";
import { type AnswerStream, type HttpAnswer, jsonAnswer } from "./http-answer.ts";
import type { HttpHead } from "./http-head.ts";
import type { HttpRequest } from "./http-reader.ts";
import { PieceReader } from "./piece-reader.ts";
import { problemStatus } from "./problem-status.ts";
import { type CallLine, type NextPiece, ProxyCall } from "./proxy-call.ts";

/**
 * Headers that are the connection's between a step and its shim, or that no service is ever told.
 * Of the rest the proxy decides, since it alone knows what a service allows.
 */
const withheld =
  /^(?:accept-encoding|authorization|connection|content-length|cookie2?|expect|forwarded|host|keep-alive|te|trailer|transfer-encoding|upgrade|user-agent|via|proxy-.*|x-forwarded-.*|x-stainless-.*)$/;

/** One attempt's way to its granted services: holds the token, which the step never sees. */
export class StepProxy {
  bytesIn = 0;
  bytesOut = 0;
  readonly #context: AgentContext;
  readonly #attempt: AttemptKey;
  #token: TokenDelivery;
  #seq = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #renewing: Promise<void> | null = null;
  /** Why the token was not renewed, as it was last told: a board may be away for hours. */
  #told = "";
  #closed = false;
  readonly #calls = new Set<ProxyCall>();

  constructor(context: AgentContext, attempt: AttemptKey, token: TokenDelivery) {
    this.#context = context;
    this.#attempt = attempt;
    this.#token = token;
  }

  /** Renews the token ahead of its end, until `close`. */
  keepFresh(): void {
    const leftMs = this.#token.expiresMs - this.#context.clock.now();
    const inMs = Math.max(leftMs - limits.stepTokenRenewBeforeMs, agentLimits.tokenRenewRetryMs);
    this.#timer = setTimeout(
      () => void this.#refresh(),
      Math.min(inMs, limits.stepTokenLifetimeMs),
    );
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const call of [...this.#calls]) call.close();
  }

  /** `/<service>/<rest>` through the coordinator; whatever goes wrong is an answer too. */
  async handle(request: HttpRequest): Promise<HttpAnswer> {
    const match = /^\/([^/?]+)(.*)$/.exec(request.head.target);
    const service = match?.[1] ?? "";
    if (!isName(service)) {
      return problemAnswer(
        problem("USAGE", "the path names no service", {
          hint: "Call $COHORT_PROXY/<service>/<path>.",
        }),
      );
    }
    const rest = match?.[2] ?? "";
    const path = rest.startsWith("/") ? rest : `/${rest}`;
    try {
      return await this.#call(service, path, request);
    } catch (error) {
      const first = error instanceof CohortError ? error.problems[0] : undefined;
      return problemAnswer(first ?? problem("INTERNAL", String(error)));
    }
  }

  /** The rest of a long body goes on behind, while its answer may already begin. */
  async #call(service: string, path: string, request: HttpRequest): Promise<HttpAnswer> {
    // The node was away for longer than a token lives, and is back before the timer.
    if (this.#context.clock.now() >= this.#token.expiresMs) await this.#renew();
    const pieces = new PieceReader(request.body);
    const first = await pieces.next(limits.proxyPieceBytesMax);
    const call = await this.#begin(service, path, request, first, pieces);
    try {
      const { status, headers, whole } = await call.head();
      if (status < 200 || status > 599) {
        throw refuse("INTERNAL", `the proxy answered with status ${status}`);
      }
      if (whole === null) return { status, headers, body: this.#counted(call) };
      this.bytesIn += whole.length;
      call.close();
      return { status, headers, body: whole };
    } catch (error) {
      call.close();
      throw error;
    }
  }

  async #begin(
    service: string,
    path: string,
    { head, gone }: HttpRequest,
    first: Piece,
    pieces: PieceReader,
  ): Promise<ProxyCall> {
    const { link, enrolment, calls } = this.#context;
    const leave = await calls.enter();
    const hangUp = () => call?.close();
    const line: CallLine = {
      open: (request, listener) =>
        link.converse(
          subjects.up(enrolment.node, "proxy"),
          ProxyRequest.encode(request).finish(),
          listener,
        ),
      subject: subjects.up(enrolment.node, "call"),
      closed: () => {
        if (call !== null) this.#calls.delete(call);
        gone.removeEventListener("abort", hangUp);
        leave();
      },
    };
    let call: ProxyCall | null = null;
    try {
      // One key from beginning to end: the node's may be replaced meanwhile.
      const prove = this.#prover();
      const signed = this.#sign(service, path, head, first, prove);
      call = new ProxyCall(line, signed);
      this.#calls.add(call);
      this.bytesOut += first.data.length;
      if (!first.last)
        void call.sendBody(first.data.length, this.#signed(pieces, signed.proof, prove));
    } catch (error) {
      leave();
      throw error;
    }
    gone.addEventListener("abort", hangUp);
    if (gone.aborted || this.#closed) call.close();
    return call;
  }

  #counted(call: ProxyCall): AnswerStream {
    return {
      next: async () => {
        const piece = await call.next();
        this.bytesIn += piece?.length ?? 0;
        return piece;
      },
      close: () => call.close(),
    };
  }

  /** Numbered and signed in one go, so that numbers leave in their order. */
  #sign(service: string, path: string, head: HttpHead, first: Piece, prove: Prove): ProxyRequest {
    const { host, clock } = this.#context;
    const fields = {
      token: this.#token.token,
      seq: ++this.#seq,
      atMs: clock.now(),
      service,
      method: head.method,
      path,
      headers: forwardedHeaders(head),
      more: !first.last,
      length: head.body === "chunked" ? undefined : head.body,
    };
    const bodyHash = host.crypto.sha256(first.data);
    return { ...fields, body: first.data, proof: prove(requestProof({ ...fields, bodyHash })) };
  }

  /** Each piece is bound to the one before it. */
  #signed(pieces: PieceReader, first: Uint8Array, prove: Prove): NextPiece {
    const { crypto } = this.#context.host;
    let former = first;
    return async (bytesMax) => {
      const { data, last } = await pieces.next(bytesMax);
      const proof = prove(pieceProof({ former, last, dataHash: crypto.sha256(data) }));
      former = proof;
      this.bytesOut += data.length;
      return { data, last, proof };
    };
  }

  #prover(): Prove {
    const { host, keys } = this.#context;
    const { secretKey } = keys.current.sign;
    return (message) => host.crypto.sign(message, secretKey);
  }

  async #refresh(): Promise<void> {
    try {
      await this.#renew();
      this.#told = "";
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#told) {
        this.#context.host.writeError(`cohort-agent: a step token was not renewed: ${reason}\n`);
      }
      this.#told = reason;
    } finally {
      if (!this.#closed) this.keepFresh();
    }
  }

  /** Once at a time, whoever asks. Throws what the coordinator answers, and UNREACHABLE. */
  async #renew(): Promise<void> {
    this.#renewing ??= this.#askAnew().finally(() => {
      this.#renewing = null;
    });
    await this.#renewing;
  }

  async #askAnew(): Promise<void> {
    const { host, link, enrolment, keys } = this.#context;
    const request = RenewRequest.encode({ attempt: this.#attempt }).finish();
    const subject = subjects.up(enrolment.node, "renew");
    const reply = RenewReply.decode(await link.request(subject, request, agentLimits.requestMsMax));
    if (reply.problems.length > 0) throw new CohortError(reply.problems);
    const { coordinatorKey } = enrolment;
    const sealed = reply.sealedToken;
    this.#token = openToken(host.crypto, coordinatorKey, keys.boxes, this.#attempt, sealed);
  }
}

function forwardedHeaders(head: HttpHead): Header[] {
  return [...head.headers]
    .filter(([name]) => !withheld.test(name))
    .map(([name, value]) => ({ name, value }));
}

type Prove = (message: Uint8Array) => Uint8Array;

type Piece = Awaited<ReturnType<PieceReader["next"]>>;

/** What has had its turn denied, or finds the other side not ready, is told when to try again. */
function problemAnswer({ code, message, hint }: Problem): HttpAnswer {
  const answer = jsonAnswer(problemStatus(code), { code, message, hint });
  if (answer.status !== 429 && answer.status !== 503) return answer;
  const again = { name: "retry-after", value: String(agentLimits.retryAfterSeconds) };
  return { ...answer, headers: [...answer.headers, again] };
}
