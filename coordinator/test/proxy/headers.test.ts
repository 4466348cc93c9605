import { passedHeader } from "@cohort/proto/resources/service/rules";
import { describe, expect, it } from "vitest";
import { requestHeaders, responseHeaders } from "../../src/proxy/headers.ts";

const accept = { name: "accept", value: "*/*" };

describe("requestHeaders", () => {
  it("passes on what is allowed and drops the rest", () => {
    const json = { name: "content-type", value: "application/json" };
    const dropped = [
      "host",
      "cookie",
      "authorization",
      "x-api-key",
      "content-length",
      "transfer-encoding",
      "connection",
      "expect",
      "upgrade",
      "forwarded",
      "x-forwarded-for",
      "x-original-url",
      "x-http-method-override",
      "accept-encoding",
      "user-agent",
    ].map((name) => ({ name, value: "x" }));
    expect(requestHeaders([json, ...dropped])).toEqual([json, accept]);
  });

  it("passes on what the service allows beside", () => {
    const own = { name: "x-grafana-org-id", value: "1" };
    expect(requestHeaders([own, { name: "x-other", value: "1" }], ["x-grafana-org-id"])).toEqual([
      own,
      accept,
    ]);
  });

  it.each([
    "host",
    "authorization",
    "cookie",
    "content-length",
    "transfer-encoding",
    "connection",
    "x-forwarded-for",
    "x-http-method-override",
    "X-Upper",
    "a b",
    "",
  ])("may not be allowed %j by any service", (name) => {
    expect(passedHeader.safeParse(name).success).toBe(false);
  });

  // Attacks 45 and 46.
  it.each([
    [[{ name: "accept", value: "a\r\nx-evil: 1" }]],
    [[{ name: "accept", value: "a\nb" }]],
    [[{ name: "accept", value: "a\u0000" }]],
    [[{ name: "accept", value: "ü" }]],
    [[{ name: "accept", value: " a" }]],
    [[{ name: "acc\r\nept", value: "a" }]],
    [[{ name: "accept ", value: "a" }]],
    [[{ name: "Accept", value: "a" }]],
    [[{ name: "", value: "a" }]],
    [[accept, accept]],
    [
      [
        { name: "content-length", value: "1" },
        { name: "content-length", value: "2" },
      ],
    ],
  ])("refuses %j", (headers) => {
    expect(() => requestHeaders(headers)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("refuses too many headers, and too long ones", () => {
    const exceeded = expect.objectContaining({ code: "LIMIT_EXCEEDED" });
    const many = Array.from({ length: 65 }, (_, index) => ({ name: `x-${index}`, value: "" }));
    expect(() => requestHeaders(many)).toThrow(exceeded);
    expect(() => requestHeaders([{ name: "accept", value: "a".repeat(16 * 1024) }])).toThrow(
      exceeded,
    );
  });
});

describe("responseHeaders", () => {
  it("tells the step what it may know, and neither where a redirect leads nor cookies", () => {
    const headers = {
      "content-type": "application/json",
      "x-ratelimit-remaining": "3",
      "anthropic-ratelimit-tokens-limit": "9",
      link: ["<a>", "<b>"],
      location: "http://127.0.0.1/",
      "set-cookie": ["a=b"],
      "www-authenticate": "x",
      server: "x",
      connection: "close",
      "content-encoding": "gzip",
      "x-anything": "x",
    };
    expect(responseHeaders(headers)).toEqual([
      { name: "content-type", value: "application/json" },
      { name: "x-ratelimit-remaining", value: "3" },
      { name: "anthropic-ratelimit-tokens-limit", value: "9" },
      { name: "link", value: "<a>, <b>" },
    ]);
  });
});
