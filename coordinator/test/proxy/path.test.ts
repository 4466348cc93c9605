import type { ServiceRule } from "@cohort/proto/resources/service/rules";
import { describe, expect, it } from "vitest";
import { allows, parsePath } from "../../src/proxy/path.ts";

describe("parsePath", () => {
  it.each([
    ["/", "/", ""],
    ["/tickets", "/tickets", ""],
    ["/tickets/", "/tickets/", ""],
    ["/tickets?a=b&c=%2F..%0d%0a//", "/tickets", "?a=b&c=%2F..%0d%0a//"],
    ["/a:b@c;d,e'f(g)!*$&+=~", "/a:b@c;d,e'f(g)!*$&+=~", ""],
    ["/m%c3%bcnchen/%20x".replace("%20", "%C2%A0"), "/m%C3%BCnchen/%C2%A0x", ""],
    ["/...", "/...", ""],
    ["/.well-known/x", "/.well-known/x", ""],
  ])("takes %s apart", (text, path, query) => {
    expect(parsePath(text)).toEqual({ path, query });
  });

  it.each([
    "",
    "tickets",
    "//tickets",
    "/a//b",
    "/a//",
    "/./a",
    "/a/.",
    "/a/..",
    "/a/../b",
    "/a/..;x=1/b",
    "/a/%2e%2e/b",
    "/a/.%2E/b",
    "/a%2fb",
    "/a%5cb",
    "/a\\b",
    "/a%00b",
    "/a%0d%0ab",
    "/a%7fb",
    "/a%20b",
    "/a%252e%252e/b",
    "/%61dmin",
    "/a%",
    "/a%2",
    "/a%zz",
    "/a%ff",
    "/a%c0%ae",
    "/a%ed%a0%80",
    "/a b",
    "/a\r\nhost: evil",
    "/a\tb",
    "/a\u0000b",
    "/a#b",
    "/a?b#c",
    "/a?b c",
    "/a?b\r\nc",
    "/a?b=%",
    "/münchen",
    "/a＼b",
    '/a"b',
    "/a<b>",
    "/a[b]",
    "https://evil.example/",
    "@evil.example/",
  ])("refuses %j", (text) => {
    expect(() => parsePath(text)).toThrow(expect.objectContaining({ code: "USAGE" }));
  });

  it("refuses a path that is too long", () => {
    expect(() => parsePath(`/${"a".repeat(8192)}`)).toThrow(
      expect.objectContaining({ code: "LIMIT_EXCEEDED" }),
    );
  });
});

describe("allows", () => {
  const rule = (path: string, ...methods: ServiceRule["methods"]): ServiceRule => ({
    path,
    methods,
  });

  it.each([
    ["/tickets", "/tickets", true],
    ["/tickets", "/tickets/", false],
    ["/tickets", "/tickets/1", false],
    ["/tickets", "/Tickets", false],
    ["/tickets", "/tickets-all", false],
    ["/tickets/*", "/tickets/1", true],
    ["/tickets/*", "/tickets/", false],
    ["/tickets/*", "/tickets", false],
    ["/tickets/*", "/tickets/1/2", false],
    ["/tickets/*/notes", "/tickets/1/notes", true],
    ["/tickets/*/notes", "/tickets/1/2/notes", false],
    ["/v1/**", "/v1/a", true],
    ["/v1/**", "/v1/a/b/c", true],
    ["/v1/**", "/v1/", true],
    ["/v1/**", "/v1", false],
    ["/v1/**", "/v10/a", false],
    ["/**", "/", true],
    ["/**", "/a/b", true],
    ["/**/a", "/x/a", false],
    ["/a*", "/ab", false],
    ["/a.c", "/abc", false],
    ["/m%c3%bc", "/m%C3%BC", true],
  ])("%s on %s: %s", (pattern, path, allowed) => {
    expect(allows([rule(pattern, "GET")], "GET", path)).toBe(allowed);
  });

  it("takes the methods of the rule that matches, and of no other", () => {
    const rules = [rule("/a", "GET"), rule("/b", "POST", "PUT")];
    expect(allows(rules, "POST", "/a")).toBe(false);
    expect(allows(rules, "PUT", "/b")).toBe(true);
    expect(allows(rules, "put", "/b")).toBe(false);
    expect(allows([], "GET", "/a")).toBe(false);
  });
});
