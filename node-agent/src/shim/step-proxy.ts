import {
  type AttemptKey,
  type Header,
  ProxyReply,
  ProxyRequest,
  RenewReply,
  RenewRequest,
  type TokenDelivery,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { CohortError, type Problem, problem } from "@cohort/proto/problem";
import { requestProof } from "@cohort/proto/proof";
import { isName, subjects } from "@cohort/proto/subjects";
import type { AgentContext } from "../context.ts";
import { agentLimits } from "../limits.ts";
import { openToken } from "../steps/verify.ts";
import { type HttpAnswer, jsonAnswer } from "./http-answer.ts";
import type { HttpRequest } from "./http-reader.ts";
import { problemStatus } from "./problem-status.ts";

/** Headers that a step may send to a service; the proxy has the last word. */
const forwarded: ReadonlySet<string> = new Set([
  "accept",
  "accept-language",
  "anthropic-beta",
  "anthropic-version",
  "content-language",
  "content-type",
  "idempotency-key",
  "if-match",
  "if-modified-since",
  "if-none-match",
  "if-unmodified-since",
  "openai-beta",
  "prefer",
  "range",
]);

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

  async #call(service: string, path: string, request: HttpRequest): Promise<HttpAnswer> {
    const { host, clock } = this.#context;
    // The node was away for longer than a token lives, and is back before the timer.
    if (clock.now() >= this.#token.expiresMs) await this.#renew();
    const reply = await this.#ask(service, path, request);
    this.bytesOut += request.body.length;
    this.bytesIn += reply.body.length;
    const [refusal] = reply.problems;
    if (refusal !== undefined) return problemAnswer(refusal);
    if (reply.status < 200 || reply.status > 599) {
      host.writeError(`cohort-agent: the proxy answered with status ${reply.status}\n`);
      return problemAnswer(problem("INTERNAL", "the proxy's answer has no proper status"));
    }
    return { status: reply.status, headers: reply.headers, body: reply.body };
  }

  async #ask(service: string, path: string, request: HttpRequest): Promise<ProxyReply> {
    const { link, enrolment, calls } = this.#context;
    const leave = await calls.enter();
    try {
      const message = ProxyRequest.encode(this.#sign(service, path, request)).finish();
      const subject = subjects.up(enrolment.node, "proxy");
      return ProxyReply.decode(await link.request(subject, message, agentLimits.proxyAnswerMsMax));
    } finally {
      leave();
    }
  }

  /** Numbered and signed in one go, so that numbers leave in their order. */
  #sign(service: string, path: string, request: HttpRequest): ProxyRequest {
    const { host, clock, keys } = this.#context;
    const fields = {
      token: this.#token.token,
      seq: ++this.#seq,
      atMs: clock.now(),
      service,
      method: request.head.method,
      path,
      headers: forwardedHeaders(request),
    };
    const bodyHash = host.crypto.sha256(request.body);
    const proof = host.crypto.sign(
      requestProof({ ...fields, bodyHash }),
      keys.current.sign.secretKey,
    );
    return { ...fields, body: request.body, proof };
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

function forwardedHeaders(request: HttpRequest): Header[] {
  return [...request.head.headers]
    .filter(([name]) => forwarded.has(name))
    .map(([name, value]) => ({ name, value }));
}

function problemAnswer({ code, message, hint }: Problem): HttpAnswer {
  return jsonAnswer(problemStatus(code), { code, message, hint });
}
