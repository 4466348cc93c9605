import { describe, expect, it } from "vitest";
import { isGranted, reasonAgainst, sameAddress } from "../../../src/proxy/egress/address.ts";
import { specialRanges } from "../../../src/proxy/egress/ranges.ts";

const everything = ["0.0.0.0/0", "::/0"];

function firstOf(block: string): string {
  return block.slice(0, block.indexOf("/"));
}

describe("reasonAgainst", () => {
  it.each(specialRanges.map(({ block }) => [block]))("refuses the first address of %s", (block) => {
    expect(reasonAgainst(firstOf(block), [], [])).not.toBeNull();
  });

  it.each(specialRanges.filter((it) => it.grantable).map(({ block }) => [block]))(
    "allows the first address of %s to a service that was given the block",
    (block) => {
      expect(reasonAgainst(firstOf(block), [block], [])).toBeNull();
    },
  );

  it.each(specialRanges.filter((it) => !it.grantable).map(({ block }) => [block]))(
    "refuses the first address of %s to a service that was given everything",
    (block) => {
      expect(reasonAgainst(firstOf(block), everything, [])).not.toBeNull();
    },
  );

  it.each([
    ["0.255.255.255"],
    ["10.255.255.255"],
    ["100.127.255.255"],
    ["127.255.255.254"],
    ["169.254.255.255"],
    ["172.31.255.255"],
    ["192.0.0.170"],
    ["192.168.255.255"],
    ["198.19.255.255"],
    ["224.0.0.251"],
    ["239.255.255.250"],
    ["255.255.255.255"],
    // Attack 31: IPv4 in IPv6 clothes.
    ["::ffff:127.0.0.1"],
    ["::ffff:7f00:1"],
    ["::ffff:10.0.0.1"],
    ["::ffff:169.254.169.254"],
    ["::127.0.0.1"],
    ["::7f00:1"],
    ["::ffff:0:127.0.0.1"],
    // Attack 32: both NAT64 prefixes. Attack 33: 6to4 and Teredo of a private address.
    ["64:ff9b::a00:1"],
    ["64:ff9b::7f00:1"],
    ["64:ff9b:1::a00:1"],
    ["64:ff9b:1:ffff:ffff:ffff:ffff:ffff"],
    ["2002:7f00:1::"],
    ["2002:a00:1::1"],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    // Everything else that is not global unicast.
    ["2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"],
    ["2001:db8:ffff::1"],
    ["3ffe:ffff::1"],
    ["3fff:fff::1"],
    ["fdff:ffff::1"],
    ["febf::1"],
    ["feff::1"],
    ["ff02::1"],
    ["1fff::1"],
    ["4000::1"],
    ["5f00::1"],
    ["e000::1"],
  ])("refuses %s", (address) => {
    expect(reasonAgainst(address, [], [])).not.toBeNull();
  });

  // Attack 34: where clouds tell machines their own credentials.
  it.each([
    ["169.254.169.254"],
    ["169.254.170.2"],
    ["169.254.170.23"],
    ["169.254.0.23"],
    ["169.254.42.42"],
    ["168.63.129.16"],
    ["100.100.100.200"],
    ["192.0.0.192"],
    ["fd00:ec2::254"],
    ["fd00:ec2::23"],
    ["fd20:ce::254"],
    ["fd00:c1::a9fe:a9fe"],
    ["fd00:42::42"],
    ["fe80::a9fe:a9fe"],
    ["::ffff:169.254.169.254"],
    ["::ffff:a83f:8110"],
  ])("refuses the metadata address %s even to a service that was given everything", (address) => {
    expect(
      reasonAgainst(address, [...everything, `${address}/32`, `${address}/128`], []),
    ).not.toBeNull();
  });

  it.each([
    ["1.1.1.1"],
    ["9.255.255.255"],
    ["11.0.0.0"],
    ["100.63.255.255"],
    ["100.128.0.0"],
    ["126.255.255.255"],
    ["128.0.0.0"],
    ["168.63.129.15"],
    ["169.253.255.255"],
    ["169.255.0.0"],
    ["172.15.255.255"],
    ["172.32.0.0"],
    ["192.0.1.0"],
    ["192.167.255.255"],
    ["192.169.0.0"],
    ["198.17.255.255"],
    ["198.20.0.0"],
    ["223.255.255.255"],
    ["2001:200::1"],
    ["2003::1"],
    ["2606:4700::1111"],
    ["2a00:1450:4001::1"],
    ["3ffd::1"],
    ["::ffff:1.1.1.1"],
  ])("allows the public address %s", (address) => {
    expect(reasonAgainst(address, [], [])).toBeNull();
  });

  // Attack 43.
  it("refuses this machine's own public address unless the service was given it", () => {
    const own = ["203.0.114.7", "2606:4700::7"];
    expect(reasonAgainst("203.0.114.7", [], own)).toContain("own");
    expect(reasonAgainst("2606:4700:0:0::7", [], own)).toContain("own");
    expect(reasonAgainst("::ffff:203.0.114.7", [], own)).toContain("own");
    expect(reasonAgainst("203.0.114.8", [], own)).toBeNull();
    expect(reasonAgainst("203.0.114.7", ["203.0.114.7/32"], own)).toBeNull();
  });

  // Attacks 29 and 30: what libraries are lenient about is no address here.
  it.each([
    ["2130706433"],
    ["017700000001"],
    ["0x7f000001"],
    ["0x7f.1"],
    ["127.1"],
    ["127.0.1"],
    ["0177.0.0.1"],
    ["１２７.0.0.1"],
    ["①②⑦.0.0.1"],
    ["fe80::1%eth0"],
    ["2606:4700::1%1"],
    ["[::1]"],
    ["1.1.1.1."],
    ["localhost"],
    [""],
  ])("refuses %j, which is no address", (text) => {
    expect(reasonAgainst(text, everything, [])).toContain("is no address");
  });

  it("opens what a block has and no more", () => {
    expect(reasonAgainst("10.1.2.255", ["10.1.2.0/24"], [])).toBeNull();
    expect(reasonAgainst("10.1.3.0", ["10.1.2.0/24"], [])).not.toBeNull();
    expect(reasonAgainst("::ffff:10.1.2.1", ["10.1.2.0/24"], [])).toBeNull();
    expect(reasonAgainst("fd12::1", ["fd12::/16"], [])).toBeNull();
    expect(reasonAgainst("10.1.2.1", ["fd12::/16", "nonsense", "10.1.2.0/99"], [])).not.toBeNull();
  });
});

describe("isGranted", () => {
  it("tells blocks that hold the address from those that do not", () => {
    expect(isGranted("127.0.0.1", ["::1/128", "127.0.0.1/32"])).toBe(true);
    expect(isGranted("127.0.0.2", ["::1/128", "127.0.0.1/32"])).toBe(false);
  });
});

describe("sameAddress", () => {
  it("compares addresses and not their spelling", () => {
    expect(sameAddress("::ffff:127.0.0.1", "127.0.0.1")).toBe(true);
    expect(sameAddress("2606:4700:0:0:0:0:0:1", "2606:4700::1")).toBe(true);
    expect(sameAddress("127.0.0.1", "127.0.0.2")).toBe(false);
    expect(sameAddress("", "")).toBe(false);
  });
});
