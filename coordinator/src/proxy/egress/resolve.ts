import { lookup } from "node:dns/promises";
import { networkInterfaces } from "node:os";
import { refuse } from "@cohort/proto/problem";
import { proxyLimits } from "../limits.ts";
import { isGranted, reasonAgainst } from "./address.ts";
import { denied, type Target } from "./target.ts";

/** Every address of a host, in the order in which they are to be dialled. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/**
 * The system's resolver. Look-ups of one host that overlap are one, so that a slow name holds one
 * of the process's few look-up threads and not all of them.
 */
export function systemResolver(): Resolve {
  const running = new Map<string, Promise<readonly string[]>>();
  return (host) => {
    const known = running.get(host);
    if (known !== undefined) return known;
    const started = lookup(host, { all: true, verbatim: true })
      .then((answers) => answers.map(({ address }) => address))
      .finally(() => running.delete(host));
    running.set(host, started);
    return started;
  };
}

export function ownAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((them) => (them ?? []).map((it) => it.address));
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
