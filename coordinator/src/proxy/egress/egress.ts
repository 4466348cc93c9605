import type { Header } from "@cohort/proto/gen/cohort/node";
import { CohortError, problem } from "@cohort/proto/problem";
import type { Service } from "@cohort/proto/resources/service";
import type { Dispatcher } from "undici";
import type { Credential } from "../credential/kind.ts";
import { proxyLimits } from "../limits.ts";
import { decodeBody } from "./decode.ts";
import { type Exchange, exchange, type Failure } from "./exchange.ts";
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
  readonly body: Uint8Array;
  /** Put into the request when all else of it stands. */
  readonly credential: Credential;
}

/**
 * The one door to the outside. The host is resolved once, every answer is judged, one is dialled
 * and stays the one; a redirect is an answer like any other; proxies that the environment names are
 * not used. What goes wrong outside is an outcome and no rejection, because it must be settled.
 */
export interface Egress {
  call(call: OutboundCall): Promise<Exchange>;
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
    async call(call) {
      const deadline = new AbortController();
      const timeoutMs = Math.min(call.service.limits.timeout, proxyLimits.callMsMax);
      const timer = setTimeout(() => deadline.abort(), timeoutMs);
      try {
        const target = targetOf(call.service.base_url);
        const addresses = await untilAborted(
          admittedAddresses(
            target,
            call.service.addresses,
            options.resolve,
            options.ownAddresses(),
          ),
          deadline.signal,
        );
        return await decoded(await dial(pools, target, addresses, call, deadline.signal), call);
      } catch (error) {
        return unsent(error);
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => pools.close(),
  };
}

/** One address after the other until the request has left. */
async function dial(
  pools: Pools,
  target: Target,
  addresses: readonly string[],
  call: OutboundCall,
  deadline: AbortSignal,
): Promise<Exchange> {
  const { service, method, body, credential } = call;
  const { path, headers } = credential.sign({
    method,
    host: new URL(target.origin).host,
    path: target.basePath + call.path,
    headers: [...call.headers, { name: "accept-encoding", value: "identity" }],
    body,
  });
  const request = { method, path, headers, body, responseBytesMax: service.limits.response };
  let outcome: Exchange = unsent(denied("its host has no address"));
  for (const address of addresses.slice(0, proxyLimits.addressesDialledMax)) {
    const key = { service: service.name, target, ca: service.ca ?? null, credential, address };
    outcome = await exchange(pools.get(key), request, deadline);
    if (outcome.kind !== "unsent" || deadline.aborted) break;
  }
  return outcome;
}

async function decoded(outcome: Exchange, { service }: OutboundCall): Promise<Exchange> {
  if (outcome.kind !== "answered") return outcome;
  const { headers, body } = outcome;
  const encoding = [headers["content-encoding"] ?? []].flat().join(", ");
  const plain = await decodeBody(body, encoding, service.limits.response);
  if (plain !== null) return { ...outcome, body: plain };
  const message = "the answer is compressed in a way that is not accepted, damaged or too large";
  return {
    kind: "failed",
    problem: problem("UPSTREAM_INVALID", message),
    bytesIn: body.length,
  };
}

function unsent(error: unknown): Failure {
  if (!(error instanceof CohortError)) throw error;
  const [first = problem("INTERNAL", error.message)] = error.problems;
  return { kind: "unsent", problem: first, bytesIn: 0 };
}

function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const giveUp = () => {
      const message = "the service's address was not found in time";
      reject(new CohortError([problem("UPSTREAM_TIMEOUT", message)]));
    };
    signal.addEventListener("abort", giveUp, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", giveUp));
  });
}
