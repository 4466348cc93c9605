/** A block of addresses that are not the public internet's. */
export interface SpecialRange {
  readonly block: string;
  readonly name: string;
  /** Whether a service's `addresses` may open it. What may not be opened serves no API. */
  readonly grantable: boolean;
}

function closed(block: string, name: string): SpecialRange {
  return { block, name, grantable: false };
}

function open(block: string, name: string): SpecialRange {
  return { block, name, grantable: true };
}

/**
 * Where clouds tell machines their own credentials. They come first, since several lie within
 * blocks that a service may be given.
 */
const metadata: readonly SpecialRange[] = [
  closed("169.254.169.254/32", "cloud metadata"),
  closed("169.254.170.2/32", "cloud metadata (AWS ECS)"),
  closed("169.254.170.23/32", "cloud metadata (AWS EKS)"),
  closed("168.63.129.16/32", "cloud metadata (Azure)"),
  closed("100.100.100.200/32", "cloud metadata (Alibaba)"),
  closed("192.0.0.192/32", "cloud metadata (Oracle)"),
  closed("fd00:ec2::/64", "cloud metadata (AWS)"),
  closed("fd20:ce::254/128", "cloud metadata (Google)"),
  closed("fd00:c1::a9fe:a9fe/128", "cloud metadata (Oracle)"),
  closed("fd00:42::42/128", "cloud metadata (Scaleway)"),
];

/** IANA IPv4 Special-Purpose Address Registry (RFC 6890), and multicast (RFC 5771). */
const ipv4: readonly SpecialRange[] = [
  closed("0.0.0.0/8", "this network, RFC 791"),
  open("10.0.0.0/8", "private use, RFC 1918"),
  open("100.64.0.0/10", "shared address space, RFC 6598"),
  open("127.0.0.0/8", "loopback, RFC 1122"),
  closed("169.254.0.0/16", "link local, RFC 3927"),
  open("172.16.0.0/12", "private use, RFC 1918"),
  closed("192.0.0.0/24", "IETF protocol assignments, RFC 6890"),
  open("192.0.2.0/24", "documentation, RFC 5737"),
  closed("192.31.196.0/24", "AS112, RFC 7535"),
  closed("192.52.193.0/24", "AMT, RFC 7450"),
  closed("192.88.99.0/24", "6to4 relay anycast, RFC 7526"),
  open("192.168.0.0/16", "private use, RFC 1918"),
  closed("192.175.48.0/24", "AS112, RFC 7534"),
  open("198.18.0.0/15", "benchmarking, RFC 2544"),
  open("198.51.100.0/24", "documentation, RFC 5737"),
  open("203.0.113.0/24", "documentation, RFC 5737"),
  closed("224.0.0.0/4", "multicast, RFC 5771"),
  closed("240.0.0.0/4", "reserved, RFC 1112"),
];

/**
 * IANA IPv6 Special-Purpose Address Registry (RFC 6890), multicast and what was withdrawn. The last
 * rows are all that RFC 4291 leaves outside 2000::/3: none of it is assigned.
 */
const ipv6: readonly SpecialRange[] = [
  open("::1/128", "loopback, RFC 4291"),
  closed("::/96", "unspecified, or IPv4-compatible, RFC 4291"),
  closed("::ffff:0:0:0/96", "IPv4-translated, RFC 7915"),
  closed("64:ff9b::/96", "NAT64, RFC 6052"),
  closed("64:ff9b:1::/48", "NAT64, RFC 8215"),
  closed("100::/64", "discard only, RFC 6666"),
  closed("100:0:0:1::/64", "dummy prefix, RFC 9780"),
  closed("2001::/32", "Teredo, RFC 4380"),
  closed("2001::/23", "IETF protocol assignments, RFC 2928"),
  open("2001:db8::/32", "documentation, RFC 3849"),
  closed("2002::/16", "6to4, RFC 3056"),
  closed("2620:4f:8000::/48", "AS112, RFC 7534"),
  closed("3ffe::/16", "6bone, RFC 3701"),
  open("3fff::/20", "documentation, RFC 9637"),
  closed("5f00::/16", "SRv6 segment identifiers, RFC 9602"),
  open("fc00::/7", "unique local, RFC 4193"),
  closed("fe80::/10", "link local, RFC 4291"),
  closed("fec0::/10", "site local, RFC 3879"),
  closed("ff00::/8", "multicast, RFC 4291"),
  closed("::/3", "unassigned, RFC 4291"),
  closed("4000::/2", "unassigned, RFC 4291"),
  closed("8000::/1", "unassigned, RFC 4291"),
];

/** The first block that holds an address says what it is. */
export const specialRanges: readonly SpecialRange[] = [...metadata, ...ipv4, ...ipv6];
