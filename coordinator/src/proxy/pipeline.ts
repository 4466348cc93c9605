import type { AttemptKey, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { CohortError, type Problem, problem, refuse } from "@cohort/proto/problem";
import type { BudgetState } from "../budget/budget.ts";
import { type Attempted, decideRefusal, type Refused } from "../budget/refusal.ts";
import { decideCall } from "../budget/reserve.ts";
import { decideOpen, decideSettle } from "../budget/settle.ts";
import { tokenRevoked } from "../custody/step-tokens.ts";
import { sha256 } from "../ledger/crypto.ts";
import { tokenPrice } from "../pricing/limit-tokens.ts";
import { pricesBody, type WorstCase, worstCase } from "../pricing/pricing.ts";
import type { Decision } from "../state/decision.ts";
import { type Admitted, type Asked, admit } from "./admit.ts";
import { type Answer, NodeAnswer, WholeAnswer, type WholeReply } from "./answer.ts";
import { bodyOf, type CallBody, gathered, wholeBody } from "./body.ts";
import { CallsOut } from "./calls-out.ts";
import type { CallChannel } from "./channel.ts";
import { createAccessTokens } from "./credential/access-tokens.ts";
import { type CredentialSources, signsBody } from "./credential/credential.ts";
import { HeldBodies } from "./held-bodies.ts";
import { createInFlight, type InFlight } from "./in-flight.ts";
import { proxyLimits } from "./limits.ts";
import { type Outcome, type Performance, perform } from "./perform.ts";
import type { ProxyDependencies, StepCall, VaultProxy } from "./proxy.ts";

/** Carries calls through the order that `VaultProxy` promises. */
export class CallPipeline implements VaultProxy {
  refusalsSuppressed = 0;
  readonly #inFlight: InFlight;
  readonly #callsOut = new CallsOut();
  readonly #heldBodies = new HeldBodies();
  readonly #dependencies: ProxyDependencies;
  readonly #credentials: CredentialSources;

  constructor(dependencies: ProxyDependencies) {
    this.#dependencies = dependencies;
    const { vault, egress, nowMs, sleep } = dependencies;
    this.#inFlight = createInFlight({ nowMs, sleep });
    this.#credentials = { vault, accessTokens: createAccessTokens(egress, nowMs), nowMs };
  }

  async fromNode(node: string, request: ProxyRequest, channel: CallChannel): Promise<void> {
    const { nodeIsEnrolled, assertNotBarred, tokens, service } = this.#dependencies;
    const answer = new NodeAnswer(channel);
    if (!nodeIsEnrolled(node)) {
      return answer.finish([problem("UNAUTHENTICATED", "the node is not enrolled")]);
    }
    let attempted = attemptedBy(node, request);
    await this.#answer(answer, channel.gone, async () => {
      try {
        const { id: token, attempt, ...claims } = tokens.openToken(request.token);
        attempted = { ...attempted, attempt, token };
        assertNotBarred(node);
        if (claims.node !== node) throw refuse("TOKEN_WRONG_NODE", "the token is another node's");
        this.#mustBeLive(attempt, node);
        const verifyPiece = await tokens.verifyRequest(node, request);
        const granted = claims.services.includes(request.service) ? service(request.service) : null;
        const asked = { ...request, hasBody: request.more || request.body.length > 0 };
        const admitted = admit(asked, granted);
        const body = bodyOf(request, verifyPiece, channel, admitted.service.limits.request);
        return { attempt, node, token, tokenSeq: request.seq, ...admitted, body };
      } catch (error) {
        throw await this.#recorded(attempted, error);
      }
    });
  }

  async fromStep(call: StepCall): Promise<WholeReply> {
    const answer = new WholeAnswer();
    await this.#answer(answer, new AbortController().signal, async () => {
      const { attempt } = call;
      const { bytes, ...asked } = askedBy(call);
      try {
        this.#mustBeLive(attempt, "");
        const admitted = admit(asked, this.#dependencies.service(asked.service));
        const body = wholeBody(bytes);
        return { attempt, node: "", token: "", tokenSeq: 0, ...admitted, body };
      } catch (error) {
        throw await this.#recorded({ ...attemptedBy("", asked), attempt }, error);
      }
    });
    return answer.reply;
  }

  breakOffEnded(): void {
    this.#callsOut.breakOff((attempt, node) => this.#barrier(attempt, node));
  }

  /** Turns everything that can go wrong into an answer; nothing is said of a fault but its code. */
  async #answer(
    answer: Answer,
    gone: AbortSignal,
    admission: () => Promise<Admitted>,
  ): Promise<void> {
    const problems = await this.#problemsOf(async () => {
      const outcome = await this.#carryOut(await admission(), answer, gone);
      return outcome.problem === null ? [] : [outcome.problem];
    });
    // Whoever has gone is told nothing, and needs to be.
    await answer.finish(problems).catch(() => {});
  }

  async #problemsOf(act: () => Promise<Problem[]>): Promise<readonly Problem[]> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof CohortError) return error.problems;
      this.#dependencies.onFault(error);
      return [problem("INTERNAL", "the proxy failed")];
    }
  }

  async #carryOut(asked: Admitted, answer: Answer, gone: AbortSignal): Promise<Outcome> {
    const { leave, call, price } = await this.#prepare(asked);
    const out = this.#callsOut.enter(asked.attempt, asked.node, gone);
    try {
      const id = await this.#reserve(call, price);
      const outcome = await this.#perform(call, { answer, meter: price.meter, cancel: out.signal });
      await this.#settle(id, call, price, outcome);
      return outcome;
    } finally {
      out.leave();
      leave();
    }
  }

  /** What the call may cost is known before anything is reserved. */
  async #prepare(
    asked: Admitted,
  ): Promise<{ leave: () => void; call: Admitted; price: WorstCase }> {
    const held = this.#heldBodies.of(asked.node);
    let leave = () => held.release();
    try {
      const { service, method, path } = asked;
      const { vault } = this.#dependencies;
      if (service.auth.type !== "none" && vault.sealed) throw vaultSealed();
      const giveBack = await this.#inFlight.enter(asked);
      leave = () => {
        held.release();
        giveBack();
      };
      const needsAll = pricesBody(service) || signsBody(service.auth);
      const body = needsAll ? await gathered(asked.body, held) : asked.body;
      const { whole, length } = body;
      const at = { nowMs: this.#dependencies.nowMs(), sha256: sha256Text };
      const price = worstCase(service, { method, path, body: whole, length }, at);
      const call = { ...asked, body: price.body === null ? body : wholeBody(price.body) };
      return { leave, call, price };
    } catch (error) {
      leave();
      throw await this.#recorded(attemptedOf(asked), error);
    }
  }

  /** Resolves when the intent is durable, and throws when the call must not be made. */
  async #reserve(call: Admitted, { nanoUsd, tokens }: WorstCase): Promise<string> {
    const { writer, newId, calling } = this.#dependencies;
    const { attempt, node, token, tokenSeq, service, method, path, body } = call;
    const id = newId();
    const fields = {
      attempt,
      node,
      token,
      tokenSeq,
      service: service.name,
      method,
      path,
      bodyHash: this.#keyedHash(body),
    };
    const decided = await writer.decide<{ call: string } | Refused>(({ budget }, nowMs) => {
      const caller = calling(attempt);
      // Asked again, in the decision itself: the attempt may have ended since.
      const barrier = this.#barrier(attempt, node);
      if (caller === null || barrier !== null) {
        return decideRefusal(budget, attemptedOf(call), barrier ?? notLive(), nowMs);
      }
      const price = tokens === null ? undefined : tokenPrice(tokens);
      const request = { call: id, ...fields, ...caller, worstCaseNanoUsd: nanoUsd, price };
      return decideCall(budget, request, nowMs);
    });
    if ("refused" in decided) throw this.#counted(decided);
    return id;
  }

  /** After a fault in mid-call nobody can say whether the call was done: it counts as done. */
  async #perform(
    call: Admitted,
    performance: Pick<Performance, "answer" | "meter" | "cancel">,
  ): Promise<Outcome> {
    const { egress, onFault } = this.#dependencies;
    try {
      return await perform(call, { sources: this.#credentials, egress, ...performance });
    } catch (error) {
      onFault(error);
      const what = problem("INTERNAL", "the proxy failed while the call was out");
      return { sent: true, problem: what, status: 0, bytesIn: 0 };
    }
  }

  async #settle(
    call: string,
    { body }: Admitted,
    { meter }: WorstCase,
    { sent, status, problem: what, bytesIn }: Outcome,
  ): Promise<void> {
    const bytesOut = sent ? body.bytesRead : 0;
    const charge = meter.settle({ sent, complete: what === null, status, bytesOut });
    const outcome = { call, status, bytesOut, bytesIn };
    if (charge.kind === "uncertain") {
      const { reason } = charge;
      await this.#decide((budget) => decideOpen(budget, { ...outcome, reason }));
      return;
    }
    const { nanoUsd: actualNanoUsd, by, tokens } = charge;
    const usage = tokens === null ? undefined : { ...tokens, model: charge.model };
    const bodyHash = body.whole === null && sent ? this.#keyedHash(body) : new Uint8Array();
    const code = what?.code ?? "";
    const settled = { ...outcome, actualNanoUsd, by, usage, code, bodyHash };
    await this.#decide((budget) => decideSettle(budget, settled));
  }

  #decide(decision: (budget: BudgetState) => Decision<void>): Promise<void> {
    return this.#dependencies.writer.decide(({ budget }) => decision(budget));
  }

  /** Empty while the body is yet to come, or where it never came to its end. */
  #keyedHash({ hash }: CallBody): Uint8Array {
    return hash === null ? new Uint8Array() : this.#dependencies.vault.keyedHash("call-body", hash);
  }

  #mustBeLive(attempt: AttemptKey, node: string): void {
    const barrier = this.#barrier(attempt, node);
    if (barrier !== null) throw new CohortError([barrier]);
  }

  /** Why no call is made for the attempt; null when it may be. */
  #barrier(attempt: AttemptKey, node: string): Problem | null {
    const { attemptIsLive, tokenIsRevoked } = this.#dependencies;
    if (!attemptIsLive(attempt, node)) return notLive();
    return tokenIsRevoked(attempt) ? tokenRevoked() : null;
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

function vaultSealed(): CohortError {
  return refuse("VAULT_SEALED", "the vault is sealed", {
    hint: "Calls that need a secret go on when an operator has unsealed it.",
  });
}

function sha256Text(text: string): string {
  return Buffer.from(sha256(Buffer.from(text))).toString("hex");
}

function notLive(): Problem {
  return problem("TOKEN_WRONG_STEP", "the step's attempt is not the one that runs");
}

function askedBy(call: StepCall): Asked & { readonly bytes: Uint8Array } {
  const { service, method, path, json, idempotencyKey } = call;
  const headers = [
    { name: "accept", value: "application/json" },
    { name: "idempotency-key", value: idempotencyKey },
  ];
  const asked = { service, method, path };
  if (json === undefined) return { ...asked, headers, hasBody: false, bytes: new Uint8Array() };
  const type = { name: "content-type", value: "application/json" };
  const bytes = Buffer.from(JSON.stringify(json));
  return { ...asked, headers: [...headers, type], hasBody: true, bytes };
}

function attemptedOf({ attempt, node, token, service, method, path }: Admitted): Attempted {
  return { attempt, node, token, service: service.name, method, path };
}

/** What a request says of itself, fit to be recorded whatever it says. */
function attemptedBy(
  node: string,
  { service, method, path }: Pick<Asked, "service" | "method" | "path">,
): Attempted {
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
