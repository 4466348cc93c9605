import { type AttemptKey, ProxyReply, type ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import { type Attempted, decideRefusal, type Refused } from "../budget/refusal.ts";
import { decideCall } from "../budget/reserve.ts";
import { decideSettle } from "../budget/settle.ts";
import { type Admitted, type Asked, admit } from "./admit.ts";
import { createAccessTokens } from "./credential/access-tokens.ts";
import type { CredentialSources } from "./credential/credential.ts";
import { createInFlight } from "./in-flight.ts";
import { proxyLimits } from "./limits.ts";
import { type Outcome, perform } from "./perform.ts";
import type { ProxyDependencies, StepCall, VaultProxy } from "./proxy.ts";

/** Carries calls through the order that `VaultProxy` promises. */
export class CallPipeline implements VaultProxy {
  refusalsSuppressed = 0;
  readonly #inFlight = createInFlight();
  readonly #dependencies: ProxyDependencies;
  readonly #credentials: CredentialSources;

  constructor(dependencies: ProxyDependencies) {
    this.#dependencies = dependencies;
    const { vault, egress, nowMs } = dependencies;
    this.#credentials = { vault, accessTokens: createAccessTokens(egress, nowMs), nowMs };
  }

  async fromNode(node: string, request: ProxyRequest): Promise<ProxyReply> {
    const { nodeIsEnrolled, assertNotBarred, tokens, service } = this.#dependencies;
    if (!nodeIsEnrolled(node)) {
      return refusal([problem("UNAUTHENTICATED", "the node is not enrolled")]);
    }
    let attempted = attemptedBy(node, request);
    return this.#answer(async () => {
      try {
        const { id: token, attempt, ...claims } = tokens.openToken(request.token);
        attempted = { ...attempted, attempt, token };
        assertNotBarred(node);
        if (claims.node !== node) throw refuse("TOKEN_WRONG_NODE", "the token is another node's");
        this.#mustBeLive(attempt, node);
        tokens.verifyRequest(node, request);
        const granted = claims.services.includes(request.service);
        const admitted = admit(request, granted ? service(request.service) : null);
        return { attempt, node, token, tokenSeq: request.seq, ...admitted };
      } catch (error) {
        throw await this.#recorded(attempted, error);
      }
    });
  }

  async fromStep(call: StepCall): Promise<ProxyReply> {
    return this.#answer(async () => {
      const { attempt } = call;
      const asked = askedBy(call);
      try {
        this.#mustBeLive(attempt, "");
        const admitted = admit(asked, this.#dependencies.service(asked.service));
        return { attempt, node: "", token: "", tokenSeq: 0, ...admitted };
      } catch (error) {
        throw await this.#recorded({ ...attemptedBy("", asked), attempt }, error);
      }
    });
  }

  /** Turns everything that can go wrong into a reply; nothing is said of a fault but its code. */
  async #answer(admission: () => Promise<Admitted>): Promise<ProxyReply> {
    try {
      return await this.#carryOut(await admission());
    } catch (error) {
      if (error instanceof CohortError) return refusal(error.problems);
      this.#dependencies.onFault(error);
      return refusal([problem("INTERNAL", "the proxy failed")]);
    }
  }

  async #carryOut(call: Admitted): Promise<ProxyReply> {
    const { leave, bodyHash } = await this.#prepare(call);
    try {
      const { id, reservedNanoUsd } = await this.#reserve(call, bodyHash);
      const outcome = await this.#perform(call);
      await this.#settle(id, reservedNanoUsd, call, outcome);
      return ProxyReply.fromPartial({
        problems: outcome.problem === null ? [] : [outcome.problem],
        status: outcome.status,
        headers: outcome.headers,
        body: outcome.body,
      });
    } finally {
      leave();
    }
  }

  async #prepare(call: Admitted): Promise<{ leave: () => void; bodyHash: Uint8Array }> {
    try {
      const bodyHash = this.#dependencies.vault.keyedHash("call-body", call.body);
      return { leave: await this.#inFlight.enter(call.node), bodyHash };
    } catch (error) {
      throw await this.#recorded(attemptedOf(call), error);
    }
  }

  /** Resolves when the intent is durable, and throws when the call must not be made. */
  async #reserve(
    call: Admitted,
    bodyHash: Uint8Array,
  ): Promise<{ id: string; reservedNanoUsd: number }> {
    const { writer, newId, attemptIsLive, calling } = this.#dependencies;
    const { attempt, node, token, tokenSeq, service, method, path } = call;
    const id = newId();
    const worstCaseNanoUsd = service.pricing?.per_call ?? null;
    const fields = {
      attempt,
      node,
      token,
      tokenSeq,
      service: service.name,
      method,
      path,
      bodyHash,
    };
    const decided = await writer.decide<{ call: string } | Refused>(({ budget }, nowMs) => {
      const caller = calling(attempt);
      // Asked again, in the decision itself: the attempt may have ended since.
      if (caller === null || !attemptIsLive(attempt, node)) {
        return decideRefusal(budget, attemptedOf(call), notLive(), nowMs);
      }
      const request = { call: id, ...fields, ...caller, worstCaseNanoUsd };
      return decideCall(budget, request, nowMs);
    });
    if ("refused" in decided) throw this.#counted(decided);
    return { id, reservedNanoUsd: worstCaseNanoUsd ?? 0 };
  }

  /** After a fault in mid-call nobody can say whether the call was done: it counts as done. */
  async #perform(call: Admitted): Promise<Outcome> {
    const { egress, onFault } = this.#dependencies;
    try {
      return await perform(call, this.#credentials, egress);
    } catch (error) {
      onFault(error);
      const what = problem("INTERNAL", "the proxy failed while the call was out");
      const nothing = { status: 0, headers: [], body: new Uint8Array(), bytesIn: 0 };
      return { sent: true, problem: what, ...nothing };
    }
  }

  /** A call that may have left costs what was reserved for it; one that did not costs nothing. */
  async #settle(
    call: string,
    reservedNanoUsd: number,
    { body }: Admitted,
    { sent, status, problem: what, bytesIn }: Outcome,
  ): Promise<void> {
    const actualNanoUsd = sent ? reservedNanoUsd : 0;
    const bytesOut = sent ? body.length : 0;
    const code = what?.code ?? "";
    await this.#dependencies.writer.decide(({ budget }) =>
      decideSettle(budget, { call, status, actualNanoUsd, bytesOut, bytesIn, code }),
    );
  }

  #mustBeLive(attempt: AttemptKey, node: string): void {
    if (!this.#dependencies.attemptIsLive(attempt, node)) throw new CohortError([notLive()]);
  }

  /** The error to throw once the refusal that it means is durable. */
  async #recorded(attempted: Attempted, error: unknown): Promise<unknown> {
    if (!(error instanceof CohortError)) return error;
    const what = error.problems[0] ?? problem("INTERNAL", error.message);
    return this.#counted(
      await this.#dependencies.writer.decide(({ budget }, nowMs) =>
        decideRefusal(budget, attempted, what, nowMs),
      ),
    );
  }

  #counted({ refused, recorded }: Refused): CohortError {
    if (!recorded) this.refusalsSuppressed += 1;
    return new CohortError([refused]);
  }
}

function refusal(problems: readonly Problem[]): ProxyReply {
  return ProxyReply.fromPartial({ problems: [...problems] });
}

function notLive(): Problem {
  return problem("TOKEN_WRONG_STEP", "the step's attempt is not the one that runs");
}

function askedBy({ service, method, path, json, idempotencyKey }: StepCall): Asked {
  const headers = [
    { name: "accept", value: "application/json" },
    { name: "idempotency-key", value: idempotencyKey },
  ];
  if (json === undefined) return { service, method, path, headers, body: new Uint8Array() };
  const type = { name: "content-type", value: "application/json" };
  const body = Buffer.from(JSON.stringify(json));
  return { service, method, path, headers: [...headers, type], body };
}

function attemptedOf({ attempt, node, token, service, method, path }: Admitted): Attempted {
  return { attempt, node, token, service: service.name, method, path };
}

/** What a request says of itself, fit to be recorded whatever it says. */
function attemptedBy(node: string, { service, method, path }: Asked): Attempted {
  return {
    attempt: undefined,
    node,
    token: "",
    service: recordable(service),
    method: recordable(method),
    path: recordable(path),
  };
}

function recordable(text: string): string {
  return text.slice(0, proxyLimits.recordedTextLengthMax).replace(/[^\x21-\x7e]/g, "?");
}
