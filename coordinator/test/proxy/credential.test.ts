import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { credentialHeader, inject } from "../../src/proxy/credential.ts";
import { type Authority, createAuthority } from "./certificates.ts";
import { codeOf, type MeshOptions, secret, TestMesh, textOf } from "./mesh.ts";
import { Upstream } from "./upstream.ts";

describe("the credential", () => {
  let authority: Authority;
  let upstream: Upstream;
  let mesh: TestMesh;

  function newMesh(options: Partial<MeshOptions> = {}): TestMesh {
    mesh = new TestMesh({ port: upstream.port, ca: authority.ca, ...options });
    return mesh;
  }

  beforeAll(async () => {
    authority = await createAuthority();
  });

  beforeEach(async () => {
    upstream = new Upstream(await authority.issue({ dns: ["localhost"] }), secret);
    await upstream.start();
  });

  afterEach(async () => {
    await mesh.egress.close();
    await upstream.stop();
    expect(mesh.faults).toEqual([]);
  });

  it("is sent as a bearer token where the service says so", async () => {
    await upstream.stop();
    const issued = await authority.issue({ dns: ["localhost"] });
    upstream = new Upstream(issued, `Bearer ${secret}`, "authorization");
    await upstream.start();
    newMesh({ service: { auth: { type: "bearer", secret: "desk/api-key" } } });
    const spoofed = [{ name: "authorization", value: "Bearer mine" }];
    expect((await mesh.fetch({ headers: spoofed })).status).toBe(201);
  });

  it("is not sent where the service wants none", async () => {
    newMesh({ service: { auth: { type: "none" } } });
    expect((await mesh.fetch()).status).toBe(401);
    expect(upstream.requests[0]?.headers).not.toHaveProperty("x-api-key");
  });

  it.each([[null], [""], ["two\nlines"], ["ends with a line\n"]])(
    "fails the call closed and costs nothing when it is %j",
    async (value) => {
      newMesh({ budgets: [{ name: "all", limit: 100 }] });
      mesh.vault.value = value;
      const reply = await mesh.fetch();
      expect(codeOf(reply)).toBe("SECRET_UNAVAILABLE");
      expect(upstream.connections).toBe(0);
      expect(mesh.writer.of("callSettled")).toEqual([
        {
          call: "call1",
          status: 0,
          actualNanoUsd: 0,
          bytesOut: 0,
          bytesIn: 0,
          code: "SECRET_UNAVAILABLE",
        },
      ]);
      expect(mesh.sum("all")).toEqual({ posted: 0, held: 0 });
    },
  );

  it("is taken out of an answer in every spelling, which is recorded and told", async () => {
    newMesh();
    const reply = await mesh.get("/echo");
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    const whole = textOf(reply) + JSON.stringify(reply.headers);
    expect(whole).toContain("[redacted]");
    const bytes = Buffer.from(secret);
    const inner = (text: string) => text.slice(4, -4);
    for (const form of [secret, bytes.toString("hex"), encodeURIComponent(secret)]) {
      expect(whole.toLowerCase()).not.toContain(form.toLowerCase());
    }
    for (const before of ["", "a", "ab"]) {
      expect(whole).not.toContain(inner(Buffer.from(before + secret).toString("base64")));
      expect(whole).not.toContain(inner(Buffer.from(before + secret).toString("base64url")));
    }
    expect(mesh.writer.of("callSettled")[0]).toMatchObject({
      status: 200,
      code: "UPSTREAM_INVALID",
      actualNanoUsd: 10,
    });
  });

  it.each(["/error", "/gzip-echo"])("is taken out of %s", async (path) => {
    newMesh();
    const reply = await mesh.get(path);
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    expect(textOf(reply)).toContain("[redacted]");
    expect(JSON.stringify([reply.headers, textOf(reply), mesh.writer.durable])).not.toContain(
      secret,
    );
  });

  it("has connections of its own, so that none is used under another", async () => {
    newMesh();
    await mesh.fetch();
    await mesh.fetch();
    expect(upstream.connections).toBe(1);
    mesh.vault.value = "another-key";
    expect((await mesh.fetch()).status).toBe(401);
    expect(upstream.connections).toBe(2);
  });
});

describe("credentialHeader", () => {
  it("makes a bearer token or a header of the service's own", () => {
    const secret = Buffer.from("s3cret");
    expect(credentialHeader({ type: "bearer", secret: "a/b" }, secret)).toEqual({
      name: "authorization",
      value: "Bearer s3cret",
    });
    const header = { type: "header", header: "x-api-key", secret: "a/b" } as const;
    expect(credentialHeader(header, secret)).toEqual({ name: "x-api-key", value: "s3cret" });
  });

  it.each(["", "a\n", "a\r\nx: y", "a b ", "ü", "\u0000", "a".repeat(9000)])(
    "refuses the secret %j without repeating it",
    (secret) => {
      const make = () => credentialHeader({ type: "bearer", secret: "a/b" }, Buffer.from(secret));
      expect(make).toThrow(expect.objectContaining({ code: "SECRET_UNAVAILABLE" }));
      if (secret !== "") expect(make).not.toThrow(secret);
    },
  );

  it("overwrites what the request says under its name", () => {
    const credential = { name: "accept", value: "s3cret" };
    expect(inject([{ name: "accept", value: "*/*" }], credential)).toEqual([credential]);
  });
});
