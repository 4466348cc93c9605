import type { Header } from "@cohort/proto/gen/cohort/node";
import { CohortError, problem, refuse } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import type { Dispatcher } from "undici";
import type { Credential } from "../credential/kind.ts";
import { proxyLimits } from "../limits.ts";
import { plainAnswer } from "./decode.ts";
import {
  type AnswerReceiver,
  type Exchange,
  exchange,
  type Failure,
  type OutboundBody,
} from "./exchange.ts";
import { createPools, type Pools } from "./pools.ts";
import { admittedAddresses, type Resolve } from "./resolve.ts";
import { denied, type Target, targetOf } from "./target.ts";

/** A call that may be made. */
export interface OutboundCall {
  readonly service: Service;
  readonly method: Dispatcher.HttpMethod;
  /** With query; below the service's `base_url`. */
  readonly path: string;
  readonly headers: readonly Header[];
  readonly body: OutboundBody;
  /** Put into the request when all else of it stands. */
  readonly credential: Credential;
}

/**
 * The one door to the outside. The host is resolved once, every answer is judged, one is dialled
 * and stays the one; a redirect is an answer like any other; proxies that the environment names are
 * not used. What goes wrong outside is an outcome and no rejection, because it must be settled.
 */
export interface Egress {
  /** `cancel` breaks the call off; its reason is a CohortError. */
  call(call: OutboundCall, receiver: AnswerReceiver, cancel: AbortSignal): Promise<Exchange>;
  /** Breaks off what is out. */
  close(): Promise<void>;
}

export interface EgressOptions {
  readonly resolve: Resolve;
  /** Addresses of this machine, which a service must be given like any that is not public. */
  readonly ownAddresses: () => readonly string[];
}

export function createEgress(options: EgressOptions): Egress {
  const pools = createPools();
  return {
    async call(call, receiver, cancel) {
      const ending = new AbortController();
      const giveUp = () => ending.abort(cancel.reason);
      cancel.addEventListener("abort", giveUp);
      if (cancel.aborted) giveUp();
      const timeoutMs = call.service.limits.timeout;
      const timer = setTimeout(() => ending.abort(late(timeoutMs)), timeoutMs);
      try {
        const target = targetNamedBy(call.service);
        const addresses = await untilAborted(
          admittedAddresses(
            target,
            call.service.addresses,
            options.resolve,
            options.ownAddresses(),
          ),
          ending.signal,
        );
        const plain = plainAnswer(receiver, call.method, call.service.limits.response);
        return await dial(pools, target, addresses, call, plain, ending.signal);
      } catch (error) {
        return unsent(error);
      } finally {
        clearTimeout(timer);
        cancel.removeEventListener("abort", giveUp);
      }
    },
    close: () => pools.close(),
  };
}

/** What a definition names is judged once, as long as it stands. */
function targetNamedBy(service: Service): Target {
  const target = targets.get(service) ?? targetOf(service.base_url);
  targets.set(service, target);
  return target;
}

const targets = new WeakMap<Service, Target>();

/** One address after the other until the request has left. */
async function dial(
  pools: Pools,
  target: Target,
  addresses: readonly string[],
  call: OutboundCall,
  receiver: AnswerReceiver,
  ending: AbortSignal,
): Promise<Exchange> {
  const { service, method, body, credential } = call;
  const { path, headers } = credential.sign({
    method,
    host: new URL(target.origin).host,
    path: target.basePath + call.path,
    headers: [...call.headers, { name: "accept-encoding", value: "identity" }],
    body: body.whole ?? new Uint8Array(),
  });
  const request = { method, path, headers, body };
  let outcome: Exchange | null = null;
  for (const address of addresses.slice(0, proxyLimits.addressesDialledMax)) {
    const key = { service: service.name, target, ca: service.ca ?? null, credential, address };
    outcome = await exchange(pools.get(key), request, receiver, ending);
    if (outcome.kind !== "unsent" || ending.aborted) break;
  }
  return outcome ?? unsent(denied("its host has no address"));
}

function unsent(error: unknown): Failure {
  if (!(error instanceof CohortError)) throw error;
  const [first = problem("INTERNAL", error.message)] = error.problems;
  return { kind: "unsent", problem: first, status: 0, bytesIn: 0 };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener("abort", giveUp, { once: true });
    if (signal.aborted) giveUp();
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}

function late(timeoutMs: number): CohortError {
  return refuse("UPSTREAM_TIMEOUT", `the service was not done within ${timeoutMs} ms`, {
    hint: "raise `limits.timeout` of the service",
  });
}
