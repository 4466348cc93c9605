import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { keepNewest } from "@cohort/proto/keep-newest";
import { refuse } from "@cohort/proto/problem";
import { proxyLimits } from "../limits.ts";
import { isGranted, reasonAgainst } from "./address.ts";
import { denied, type Target } from "./target.ts";

/** Every address of a host, in the order in which they are to be dialled. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/** The system's resolver. */
export function systemResolver(): Resolve {
  return sparing(
    async (host) =>
      (await lookup(host, { all: true, verbatim: true })).map(({ address }) => address),
    () => performance.now(),
  );
}

/**
 * One look-up of a host is the answer for all who ask while it runs, so that a slow name holds one of the
 * process's few look-up threads and not all of them, and for a moment after; for longer where it failed.
 */
export function sparing(resolve: Resolve, nowMs: () => number): Resolve {
  const lookups = new Map<string, { readonly answer: ReturnType<Resolve>; untilMs: number }>();
  return (host) => {
    const known = lookups.get(host);
    if (known !== undefined && nowMs() < known.untilMs) return known.answer;
    const lookup = { answer: resolve(host), untilMs: Number.POSITIVE_INFINITY };
    const standsFor = (ms: number) => () => {
      lookup.untilMs = nowMs() + ms;
    };
    lookup.answer.then(standsFor(proxyLimits.lookupMs), standsFor(proxyLimits.lookupFailureMs));
    lookups.delete(host);
    lookups.set(host, lookup);
    keepNewest(lookups, proxyLimits.lookupsMax);
    return lookup.answer;
  };
}

/** Of this machine. To ask the kernel for them takes longer than all else that is judged of a call. */
export function ownAddresses(): () => readonly string[] {
  let known: readonly string[] = [];
  let untilMs = 0;
  return () => {
    if (performance.now() < untilMs) return known;
    known = Object.values(networkInterfaces()).flatMap((them = []) => them.map((it) => it.address));
    untilMs = performance.now() + proxyLimits.ownAddressesMs;
    return known;
  };
}

/**
 * The addresses that may be dialled for the target. One answer that may not be dialled refuses them
 * all: an honest name has no such answer. Throws EGRESS_DENIED, or UPSTREAM_UNREACHABLE when the
 * host has no address.
 */
export async function admittedAddresses(
  target: Target,
  granted: readonly string[],
  resolve: Resolve,
  own: readonly string[],
): Promise<readonly string[]> {
  if (target.isAddress) {
    const reason = reasonAgainst(target.host, granted, own);
    if (reason !== null) throw denied(reason);
    if (!isGranted(target.host, granted)) throw denied("its host is an address and not a name");
    return [target.host];
  }
  const answers = await resolved(target.host, resolve);
  if (answers.length === 0 || answers.length > proxyLimits.addressesMax) {
    throw refuse("UPSTREAM_UNREACHABLE", `host ${target.host} has ${answers.length} addresses`);
  }
  for (const answer of answers) {
    const reason = reasonAgainst(answer, granted, own);
    if (reason !== null) throw denied(`${target.host} is ${reason}`);
  }
  return answers;
}

async function resolved(host: string, resolve: Resolve): Promise<readonly string[]> {
  try {
    return await resolve(host);
  } catch (cause) {
    throw refuse("UPSTREAM_UNREACHABLE", `host ${host} cannot be resolved`, {}, cause);
  }
}
