import { type AuthOf, auth as authSchema } from "@cohort/proto/resources/service/auth";
import { describe, expect, it } from "vitest";
import { signsBody } from "../../../src/proxy/credential/credential.ts";
import { hmac } from "../../../src/proxy/credential/hmac.ts";

function written(rest: object): AuthOf<"hmac"> {
  return authSchema.parse({ type: "hmac", secret: "a/b", ...rest }) as AuthOf<"hmac">;
}

function sign(rest: object, secret: string, change: object = {}, nowMs = 0) {
  const request = {
    method: "POST",
    host: "a.example",
    path: "/",
    headers: [],
    body: Buffer.alloc(0),
  };
  const made = hmac(written(rest), Buffer.from(secret));
  const { headers = [] } = made.sign?.({ ...request, ...change }, nowMs) ?? {};
  return Object.fromEntries(headers.map(({ name, value }) => [name, value]));
}

const simple = { message: "{body}", headers: { "x-signature": "{signature}" } };

describe("an HMAC signature", () => {
  // GitHub: "Validating webhook deliveries", testing the webhook payload validation.
  it("is GitHub's for its example", () => {
    const auth = { message: "{body}", headers: { "x-hub-signature-256": "sha256={signature}" } };
    const body = Buffer.from("Hello, World!");
    expect(sign(auth, "It's a Secret to Everybody", { body })).toEqual({
      "x-hub-signature-256":
        "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    });
  });

  // Slack: "Verifying requests from Slack", the worked example.
  it("is Slack's for its example", () => {
    const auth = {
      message: "v0:{timestamp}:{body}",
      headers: {
        "x-slack-request-timestamp": "{timestamp}",
        "x-slack-signature": "v0={signature}",
      },
    };
    const body = Buffer.from(
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
    );
    expect(sign(auth, "8f742231b10e8888abcd99yyyzzz85a5", { body }, 1_531_420_618_000)).toEqual({
      "x-slack-request-timestamp": "1531420618",
      "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    });
  });

  // RFC 4231 section 4.3 (test case 2), the key "Jefe" in each of its spellings.
  it.each([
    ["text", "Jefe"],
    ["hex", "4a656665"],
    ["base64", "SmVmZQ=="],
  ])("takes its key as %s", (key, secret) => {
    const body = Buffer.from("what do ya want for nothing?");
    expect(sign({ ...simple, key }, secret, { body })["x-signature"]).toBe(
      "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    );
    expect(sign({ ...simple, key, encoding: "base64" }, secret, { body })["x-signature"]).toBe(
      "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM=",
    );
    expect(sign({ ...simple, key, hash: "sha1" }, secret, { body })["x-signature"]).toBe(
      "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
    );
  });

  it("signs and sends what the templates name", () => {
    const message = "{method} {path} {query} {target} {host} {timestamp} {body_hash}";
    const headers = { "x-said": `${message} {nonce}`, "x-signature": "{signature}" };
    const body = Buffer.from("{}");
    const change = { path: "/a/b?c=d", body };
    const said = sign({ message, headers, timestamp: "iso8601" }, "k", change, 1_000)["x-said"];
    expect(said).toMatch(
      /^POST \/a\/b c=d \/a\/b\?c=d a\.example 1970-01-01T00:00:01Z 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a [0-9a-f]{32}$/,
    );
  });

  it.each([
    ["seconds", "1531420618"],
    ["milliseconds", "1531420618123"],
    ["iso8601", "2018-07-12T18:36:58Z"],
    ["http", "Thu, 12 Jul 2018 18:36:58 GMT"],
  ])("tells the time in %s", (timestamp, expected) => {
    const headers = { "x-time": "{timestamp}", "x-signature": "{signature}" };
    const sent = sign({ ...simple, headers, timestamp }, "k", {}, 1_531_420_618_123);
    expect(sent["x-time"]).toBe(expected);
  });

  it("takes no part of the request for a template", () => {
    const path = "/%7Bhost%7D?{nonce}";
    const asTarget = sign({ ...simple, message: "{target}" }, "k", { path });
    expect(asTarget).toEqual(sign(simple, "k", { body: Buffer.from(path) }));
  });

  it.each([
    ["base64", "not base64!"],
    ["hex", "abc"],
    ["text", ""],
  ])("has no key as %s in %j", (key, secret) => {
    expect(() => sign({ ...simple, key }, secret)).toThrow(
      expect.objectContaining({ code: "SECRET_UNAVAILABLE" }),
    );
  });

  it("needs the whole body only where the templates name it", () => {
    expect(signsBody(written(simple))).toBe(true);
    expect(signsBody(written({ ...simple, message: "{target}{body_hash}" }))).toBe(true);
    expect(signsBody(written({ ...simple, message: "{target}" }))).toBe(false);
  });
});

describe("the definition of an HMAC credential", () => {
  it.each([
    [{ message: "{bdy}" }],
    [{ message: "{timestamp}" }],
    [{ message: "{signature}{body}" }],
    [{ headers: {} }],
    [{ headers: { "x-time": "{timestamp}" } }],
    [{ headers: { "x-a": "{signature}{body}" } }],
    [{ headers: { "x-a": "{signature}\r\nx-b: 1" } }],
    [{ headers: { "x-a": "{signature} " } }],
    [{ headers: { host: "{signature}" } }],
    [{ headers: { "X-A": "{signature}" } }],
    [{ hash: "md5" }],
  ])("is refused with %j", (change) => {
    expect(() => written({ ...simple, ...change })).toThrow();
  });
});
