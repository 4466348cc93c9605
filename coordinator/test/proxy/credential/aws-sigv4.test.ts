import { describe, expect, it } from "vitest";
import { authorizationOf, awsSigV4 } from "../../../src/proxy/credential/aws-sigv4.ts";
import suite from "./aws-sigv4-suite.json" with { type: "json" };

const auth = {
  type: "aws-sigv4",
  region: "eu-central-1",
  service: "iotdata",
  secret: "a/b",
} as const;
const pair = "AKIAIOSFODNN7EXAMPLE:wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const nowMs = Date.UTC(2026, 0, 31, 12, 0, 5);
const request = {
  method: "POST",
  host: "data.iot.eu-central-1.amazonaws.com",
  path: "/topics/a%2Fb?qos=1",
  headers: [
    { name: "content-type", value: "application/json" },
    { name: "accept", value: "*/*" },
  ],
  body: Buffer.from("{}"),
};

function sign(secret = pair, change: object = {}, kind: object = {}) {
  const signed = awsSigV4({ ...auth, ...kind }, Buffer.from(secret)).sign?.(
    { ...request, ...change },
    nowMs,
  );
  const headers = Object.fromEntries((signed?.headers ?? []).map((it) => [it.name, it.value]));
  return { path: signed?.path, headers };
}

describe("a signature of AWS's test suite", () => {
  it.each(suite.vectors)("is ours for $name", ({ method, target, headers, body, signature }) => {
    const { region, service, host, accessKeyId, secretKey } = suite;
    const all = Object.entries({ ...headers, host }).map(([name, value]) => ({ name, value }));
    const unsigned = { method, path: target, headers: all, body: Buffer.from(body) };
    const keys = { accessKeyId, secretKey: Buffer.from(secretKey), sessionToken: "" };
    const names = Object.keys({ ...headers, host }).sort();
    expect(authorizationOf({ region, service }, keys, unsigned, headers["x-amz-date"])).toBe(
      `AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=${names.join(";")}, Signature=${signature}`,
    );
  });
});

describe("a request for AWS", () => {
  it("says its time, and signs host, type and what is Amazon's own", () => {
    const { path, headers } = sign();
    expect(path).toBe("/topics/a%2Fb?qos=1");
    expect(headers["x-amz-date"]).toBe("20260131T120005Z");
    expect(headers["authorization"]).toMatch(
      /^AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE\/20260131\/eu-central-1\/iotdata\/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=[0-9a-f]{64}$/,
    );
  });

  it("signs a session's token, and sends it", () => {
    const { headers } = sign(`${pair}:FwoGZXIvYXdzEXAMPLE==`);
    expect(headers["x-amz-security-token"]).toBe("FwoGZXIvYXdzEXAMPLE==");
    expect(headers["authorization"]).toContain("x-amz-date;x-amz-security-token,");
  });

  it("for S3 tells the body's hash", () => {
    const { headers } = sign(pair, {}, { service: "s3" });
    expect(headers["x-amz-content-sha256"]).toBe(
      "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
    );
  });

  it("has another signature for another method, path, query, host, type or body", () => {
    const changes = [
      { method: "PUT" },
      { path: "/topics/b?qos=1" },
      { path: "/topics/a%2Fb?qos=0" },
      { host: "data.iot.us-east-1.amazonaws.com" },
      { headers: [{ name: "content-type", value: "text/plain" }] },
      { body: Buffer.from("{ }") },
    ];
    const all = [{}, ...changes].map((it) => sign(pair, it).headers["authorization"]);
    expect(new Set(all).size).toBe(all.length);
  });

  it("sends its path and query as they are signed", () => {
    const model = "/model/anthropic.claude-3-haiku-20240307-v1:0/converse";
    expect(sign(pair, { path: model }).path).toBe(model.replace(":", "%3A"));
    expect(sign(pair, { path: model })).toEqual(sign(pair, { path: model.replace(":", "%3A") }));
    expect(sign(pair, { path: "/a?b=c+d&a=%7e&e" }).path).toBe("/a?a=~&b=c%20d&e=");
    expect(sign(pair, { path: "/a?" }).path).toBe("/a");
  });

  it.each([
    "",
    "x",
    "AKIAIOSFODNN7EXAMPLE",
    "AKIAIOSFODNN7EXAMPLE:",
    "short:k",
    `${pair}:t:more`,
    `${pair}\n`,
  ])("has no credential in %j", (secret) => {
    expect(() => sign(secret)).toThrow(expect.objectContaining({ code: "SECRET_UNAVAILABLE" }));
  });
});
