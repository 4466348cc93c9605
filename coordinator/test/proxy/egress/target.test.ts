import { describe, expect, it } from "vitest";
import { targetOf } from "../../../src/proxy/egress/target.ts";

describe("targetOf", () => {
  it.each([
    ["https://api.example.com", { host: "api.example.com", port: 443, basePath: "" }],
    ["https://api.example.com/", { host: "api.example.com", port: 443, basePath: "" }],
    ["https://api.example.com:8443/v1/", { host: "api.example.com", port: 8443, basePath: "/v1" }],
    ["https://API.example.com", { host: "api.example.com", port: 443, basePath: "" }],
    ["https://localhost:9443", { host: "localhost", port: 9443, basePath: "" }],
    ["https://xn--mnchen-3ya.example", { host: "xn--mnchen-3ya.example", port: 443, basePath: "" }],
  ])("reads %s", (baseUrl, expected) => {
    expect(targetOf(baseUrl)).toMatchObject({ ...expected, isAddress: false });
  });

  it.each([
    ["https://10.1.2.3:8443", "10.1.2.3"],
    ["https://[fd12::1]/", "fd12::1"],
  ])("tells that the host of %s is an address", (baseUrl, host) => {
    expect(targetOf(baseUrl)).toMatchObject({ host, isAddress: true });
  });

  it.each([
    // Attack 29: decimal, octal, hex and short notations of 127.0.0.1.
    "https://2130706433",
    "https://017700000001",
    "https://0x7f000001",
    "https://0x7f.1",
    "https://127.1",
    "https://0177.0.0.1",
    "https://127.0.0.01",
    // Attack 30: full-width and enclosed digits, the ideographic full stop, encoded digits.
    "https://１２７.0.0.1",
    "https://①②⑦.0.0.1",
    "https://127。0。0。1",
    "https://%31%32%37.0.0.1",
    "https://münchen.example",
    // Attack 40: what looks like the host is not.
    "https://good.example@evil.example",
    "https://good.example\\@evil.example",
    "https://good.example:443@evil.example",
    "https://good.example#@evil.example",
    "https://good.example?@evil.example",
    // Attack 41: trailing dots, brackets, zones, spellings of one IPv6 address.
    "https://api.example.com.",
    "https://127.0.0.1.",
    "https://[::ffff:127.0.0.1]",
    "https://[0:0:0:0:0:0:0:1]",
    "https://[fe80::1%25eth0]",
    "https://[::1",
    "https://[api.example.com]",
    // Whatever else is no plain https origin and path.
    "http://api.example.com",
    "https:api.example.com",
    "https:///api.example.com",
    "https://",
    "https://api.example.com/a/../b",
    "https://api.example.com/a b",
    "https://api.example.com/\r\nhost: evil",
    "https://api_internal.example.com",
    "https://-api.example.com",
    "https://api..example.com",
    `https://${"a".repeat(64)}.example`,
    "https://api.example.com:99999",
    "",
  ])("refuses %j", (baseUrl) => {
    expect(() => targetOf(baseUrl)).toThrow(expect.objectContaining({ code: "EGRESS_DENIED" }));
  });
});
