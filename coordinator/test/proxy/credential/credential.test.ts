import { describe, expect, it } from "vitest";
import { basic } from "../../../src/proxy/credential/basic.ts";
import { bearer, ownHeader } from "../../../src/proxy/credential/header.ts";
import { type Made, withHeaders } from "../../../src/proxy/credential/kind.ts";
import { pathSegment } from "../../../src/proxy/credential/path-segment.ts";
import { queryParameter } from "../../../src/proxy/credential/query-parameter.ts";
import { codeOf, secret, textOf } from "../mesh.ts";
import { Stage } from "../stage.ts";
import { Upstream } from "../upstream.ts";

describe("the credential", () => {
  const stage = new Stage();

  it("is sent as a bearer token where the service says so", async () => {
    await stage.upstream.stop();
    const issued = await stage.authority.issue({ dns: ["localhost"] });
    stage.upstream = new Upstream(issued, `Bearer ${secret}`, "authorization");
    await stage.upstream.start();
    stage.newMesh({ service: { auth: { type: "bearer", secret: "desk/api-key" } } });
    const spoofed = [{ name: "authorization", value: "Bearer mine" }];
    expect((await stage.mesh.fetch({ headers: spoofed })).status).toBe(201);
  });

  it("is not sent where the service wants none", async () => {
    stage.newMesh({ service: { auth: { type: "none" } } });
    expect((await stage.mesh.fetch()).status).toBe(401);
    expect(stage.upstream.requests[0]?.headers).not.toHaveProperty("x-api-key");
  });

  it.each([[null], [""], ["two\nlines"], ["ends with a line\n"]])(
    "fails the call closed and costs nothing when it is %j",
    async (value) => {
      stage.newMesh({ budgets: [{ name: "all", limit: 100 }] });
      stage.mesh.vault.value = value;
      const reply = await stage.mesh.fetch();
      expect(codeOf(reply)).toBe("SECRET_UNAVAILABLE");
      expect(stage.upstream.connections).toBe(0);
      expect(stage.mesh.writer.of("callSettled")).toMatchObject([
        {
          call: "call1",
          status: 0,
          actualNanoUsd: 0,
          bytesOut: 0,
          bytesIn: 0,
          code: "SECRET_UNAVAILABLE",
          bodyHash: new Uint8Array(),
        },
      ]);
      expect(stage.mesh.sum("all")).toEqual({ posted: 0, held: 0 });
    },
  );

  // How each spelling is found in an answer that comes in pieces: scrub.test.ts.
  it("ends an answer that carries it, which is recorded and told, and not a spelling of it", async () => {
    stage.newMesh();
    const reply = await stage.mesh.get("/echo");
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    const whole = textOf(reply) + JSON.stringify([reply.headers, reply.problems]);
    const bytes = Buffer.from(secret);
    const inner = (text: string) => text.slice(4, -4);
    for (const form of [secret, bytes.toString("hex"), encodeURIComponent(secret)]) {
      expect(whole.toLowerCase()).not.toContain(form.toLowerCase());
    }
    for (const before of ["", "a", "ab"]) {
      expect(whole).not.toContain(inner(Buffer.from(before + secret).toString("base64")));
      expect(whole).not.toContain(inner(Buffer.from(before + secret).toString("base64url")));
    }
    expect(stage.mesh.writer.of("callSettled")[0]).toMatchObject({
      status: 200,
      code: "UPSTREAM_INVALID",
      actualNanoUsd: 10,
    });
  });

  it.each(["/error", "/gzip-echo"])("ends the answer of %s", async (path) => {
    stage.newMesh();
    const reply = await stage.mesh.get(path);
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    expect(textOf(reply)).toBe("");
    expect(
      JSON.stringify([reply.headers, reply.problems, stage.mesh.writer.durable]),
    ).not.toContain(secret);
  });

  it("has connections of its own, so that none is used under another", async () => {
    stage.newMesh();
    await stage.mesh.fetch();
    await stage.mesh.fetch();
    expect(stage.upstream.connections).toBe(1);
    stage.mesh.vault.value = "another-key";
    expect((await stage.mesh.fetch()).status).toBe(401);
    expect(stage.upstream.connections).toBe(2);
  });
});

function sent({ sign }: Made, path = "/a"): Record<string, string> {
  const request = { method: "GET", host: "a.example", path, headers: [], body: Buffer.alloc(0) };
  const signed = sign?.(request, 0);
  const headers = (signed?.headers ?? []).map(({ name, value }) => [name, value]);
  return { path: signed?.path ?? "", ...Object.fromEntries(headers) };
}

describe("a secret", () => {
  const secret = Buffer.from("s3cret");

  it("makes a bearer token", () => {
    expect(sent(bearer(secret))).toEqual({ path: "/a", authorization: "Bearer s3cret" });
  });

  it("makes a header of the service's own, with what it wants before", () => {
    const header = { type: "header", header: "x-api-key", secret: "a/b" } as const;
    expect(sent(ownHeader(header, secret))).toEqual({ path: "/a", "x-api-key": "s3cret" });
    const token = { ...header, header: "authorization", prefix: "Token token=" };
    expect(sent(ownHeader(token, secret))["authorization"]).toBe("Token token=s3cret");
  });

  // RFC 7617 sections 2 and 2.1.
  it.each([
    ["Aladdin", "open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="],
    ["test", "123\u00a3", "dGVzdDoxMjPCow=="],
  ])("makes user name and password of %s", (username, password, expected) => {
    const made = basic({ type: "basic", username, secret: "a/b" }, Buffer.from(password));
    expect(sent(made)["authorization"]).toBe(`Basic ${expected}`);
  });

  it("makes the last parameter of a query", () => {
    const auth = { type: "query", parameter: "appid", secret: "a/b" } as const;
    const made = queryParameter(auth, Buffer.from("a+b/c="));
    expect(["/w", "/w?", "/w?q=x", "/w?q=x&"].map((path) => sent(made, path)["path"])).toEqual([
      "/w?appid=a%2Bb%2Fc%3D",
      "/w?appid=a%2Bb%2Fc%3D",
      "/w?q=x&appid=a%2Bb%2Fc%3D",
      "/w?q=x&appid=a%2Bb%2Fc%3D",
    ]);
  });

  it("makes the first segment of a path", () => {
    const auth = { type: "path", prefix: "bot", secret: "a/b" } as const;
    const made = pathSegment(auth, Buffer.from("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"));
    expect(sent(made, "/getMe?a=b")["path"]).toBe(
      "/bot110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/getMe?a=b",
    );
  });

  it.each(["", "a/b", "a?b", "a#b", "a%2fb", "a b", "..", "a\n"])(
    "is refused as a segment of a path when it is %j",
    (text) => {
      const make = () =>
        pathSegment({ type: "path", prefix: "", secret: "a/b" }, Buffer.from(text));
      expect(make).toThrow(expect.objectContaining({ code: "SECRET_UNAVAILABLE" }));
    },
  );

  it.each(["", "a\n", "a\r\nx: y", "a b ", "\u00fc", "\u0000", "a".repeat(9000)])(
    "is refused as a header when it is %j, without being repeated",
    (text) => {
      const make = () => bearer(Buffer.from(text));
      expect(make).toThrow(expect.objectContaining({ code: "SECRET_UNAVAILABLE" }));
      if (text !== "") expect(make).not.toThrow(text);
    },
  );

  it.each(["", "a\n", "a\u0000b"])("is refused as a password when it is %j", (text) => {
    const make = () => basic({ type: "basic", username: "u", secret: "a/b" }, Buffer.from(text));
    expect(make).toThrow(expect.objectContaining({ code: "SECRET_UNAVAILABLE" }));
  });

  it("overwrites what the request says under its name", () => {
    const credential = { name: "accept", value: "s3cret" };
    expect(withHeaders([{ name: "accept", value: "*/*" }], [credential])).toEqual([credential]);
  });
});
