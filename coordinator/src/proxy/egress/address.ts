import { isIP } from "node:net";
import ipaddr from "ipaddr.js";
import { type SpecialRange, specialRanges } from "./ranges.ts";

/** Blocks in CIDR notation, such as "10.1.2.0/24". */
export type Blocks = readonly string[];

/**
 * Why the proxy may not dial an address, or null when it may: it is public, or lies in a block that
 * the service was given on purpose. `own` are this machine's addresses, which count as not public.
 */
export function reasonAgainst(
  text: string,
  granted: Blocks,
  own: readonly string[],
): string | null {
  const address = parseAddress(text);
  if (address === null) return `${text} is no address`;
  const range = rangeOf(address);
  if (range !== null && !range.grantable) return `${text} is ${range.name}`;
  if (isGranted(text, granted)) return null;
  if (range !== null) return `${text} is ${range.name}`;
  return own.some((it) => sameAddress(it, text)) ? `${text} is this machine's own` : null;
}

/** Whether an address lies in one of the blocks. */
export function isGranted(text: string, granted: Blocks): boolean {
  const address = parseAddress(text);
  return address !== null && matchersOf(granted).some((matches) => matches(address));
}

/** Whether both texts name one address; false for what is none. */
export function sameAddress(a: string, b: string): boolean {
  const [first, second] = [parseAddress(a), parseAddress(b)];
  return first !== null && second !== null && first.toString() === second.toString();
}

type Address = ipaddr.IPv4 | ipaddr.IPv6;

/** Strict where the library is lenient; an IPv4 address in IPv6 clothes becomes what it is. */
function parseAddress(text: string): Address | null {
  if (isIP(text) === 0 || text.includes("%")) return null;
  const address = ipaddr.parse(text);
  if (!isIPv6(address)) return address;
  return address.match(ipv4Mapped) ? address.toIPv4Address() : address;
}

function isIPv6(address: Address): address is ipaddr.IPv6 {
  return address.kind() === "ipv6";
}

/** RFC 4291 section 2.5.5.2. */
const ipv4Mapped = ipaddr.IPv6.parseCIDR("::ffff:0:0/96");

function rangeOf(address: Address): SpecialRange | null {
  return parsedRanges.find(({ matches }) => matches(address))?.range ?? null;
}

const parsedRanges = specialRanges.map((range) => ({ range, matches: matcherOf(range.block) }));

/** They are of a definition, which is asked with each call. */
function matchersOf(blocks: Blocks): readonly Matcher[] {
  const known = matchers.get(blocks) ?? blocks.map(matcherOf);
  matchers.set(blocks, known);
  return known;
}

type Matcher = (address: Address) => boolean;

const matchers = new WeakMap<Blocks, readonly Matcher[]>();

/** A malformed block matches nothing. */
function matcherOf(block: string): Matcher {
  if (!ipaddr.isValidCIDR(block)) return () => false;
  const [base, length] = ipaddr.parseCIDR(block);
  return (address) => address.kind() === base.kind() && address.match(base, length);
}
