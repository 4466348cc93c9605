import {
  type AttemptKey,
  type ProxyRequest,
  SignedToken,
  TokenDelivery,
} from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { problem, refuse } from "@cohort/proto/problem";
import { requestProof, tokenProof } from "@cohort/proto/proof";
import type { ProxyLookups } from "../../coordinator/src/core.ts";
import type { EnrolledNode, FleetNode } from "../../coordinator/src/fleet/fleet.ts";
import type { VerifyPiece } from "../../coordinator/src/proxy/body.ts";
import type { AnswerReceiver, Exchange } from "../../coordinator/src/proxy/egress/exchange.ts";
import {
  createProxy,
  type TokenClaims,
  type VaultProxy,
} from "../../coordinator/src/proxy/proxy.ts";
import type { State } from "../../coordinator/src/state/state.ts";
import type { VirtualClock } from "./clock.ts";
import { digest, seal, sign, simulatedCrypto } from "./crypto.ts";
import type { Random } from "./random.ts";

interface Claims extends TokenClaims {
  readonly expiresMs: number;
}

/** A step token in the clear, signed and sealed as the real one is. */
export function sealStepToken(options: {
  readonly node: EnrolledNode;
  readonly attempt: AttemptKey;
  readonly services: readonly string[];
  readonly nowMs: number;
  readonly keys: { readonly secretKey: Uint8Array };
}): Uint8Array {
  const { node, attempt, services, nowMs, keys } = options;
  const expiresMs = nowMs + limits.stepTokenLifetimeMs;
  const id = `${nowMs}`;
  const claims: Claims = { id, node: node.node, attempt, services: [...services], expiresMs };
  const recipient = node.keys.boxKey;
  const delivery = { token: JSON.stringify(claims), recipient, attempt, expiresMs };
  const payload = TokenDelivery.encode(delivery).finish();
  const signature = sign(tokenProof(payload), keys.secretKey);
  return seal(SignedToken.encode({ payload, signature }).finish(), recipient);
}

/** The real proxy and its budgets; its services answer after a random time, or do not. */
export function createSimulatedProxy(options: {
  readonly lookups: ProxyLookups;
  readonly state: State;
  readonly clock: VirtualClock;
  readonly random: Random;
  readonly now: () => number;
  readonly onCall: () => void;
}): VaultProxy {
  const { lookups, state, clock, random, now, onCall } = options;
  return createProxy({
    ...lookups,
    nowMs: now,
    sleep: (ms, signal) => clock.sleepUnless(ms, signal),
    newId: () => random.ulid(),
    egress: {
      async call(_call, receiver) {
        onCall();
        await clock.sleep(random.integer(5, random.chance(0.1) ? 8_000 : 500));
        return answerOf(random, receiver);
      },
      close: async () => {},
    },
    vault: {
      sealed: false,
      withSecret: (_path, _service, use) => use(Buffer.from("secret")),
      keyedHash: (_purpose, bytes) => digest(bytes),
    },
    tokens: {
      openToken: (token) => openToken(token, now()),
      verifyRequest: async (node, request) => verifyRequest(state.fleet.nodes.get(node), request),
    },
  });
}

function answerOf(random: Random, receiver: AnswerReceiver): Exchange {
  if (random.chance(0.1)) return failed("unsent");
  if (random.chance(0.1)) return failed("failed");
  const status = random.chance(0.1) ? 503 : 200;
  const body = Buffer.from('{"ok":true}');
  receiver.head(status, {});
  receiver.data(body);
  receiver.ended();
  return { kind: "answered", status, bytesIn: body.length };
}

function failed(kind: "unsent" | "failed"): Exchange {
  return { kind, problem: problem("UPSTREAM_TIMEOUT", "simulated"), status: 0, bytesIn: 0 };
}

function openToken(token: string, nowMs: number): Claims {
  const claims = JSON.parse(token) as Claims;
  if (nowMs >= claims.expiresMs) throw refuse("TOKEN_EXPIRED", "the token is over");
  return claims;
}

function verifyRequest(node: FleetNode | undefined, request: ProxyRequest): VerifyPiece {
  const message = requestProof({ ...request, bodyHash: digest(request.body) });
  const enrolled = node === undefined || node.state === "invited" ? null : node;
  const keys = [enrolled?.keys, enrolled?.former].map((it) => it?.signKey ?? new Uint8Array(0));
  if (!keys.some((key) => simulatedCrypto.verify(message, request.proof, key))) {
    throw refuse("PROOF_INVALID", "the request is not signed by the node");
  }
  return async () => {
    throw refuse("PROOF_INVALID", "simulated requests are short");
  };
}
