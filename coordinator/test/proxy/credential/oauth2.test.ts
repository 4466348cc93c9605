import type { AuthOf } from "@cohort/proto/resources/service/auth";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { proxyLimits } from "../../../src/proxy/limits.ts";
import { type Authority, createAuthority } from "../certificates.ts";
import { codeOf, nowMs, secret, TestMesh, textOf } from "../mesh.ts";
import { TokenServer } from "./token-server.ts";

let authority: Authority;
let server: TokenServer;
let mesh: TestMesh;

function newMesh(change: Partial<AuthOf<"oauth2">> = {}, service: object = {}): void {
  const auth = {
    type: "oauth2",
    token_url: `https://localhost:${server.port}/oauth/token`,
    client_id: "press line",
    secret: "desk/client",
    client_auth: "basic",
    scope: "tickets.write tickets.read",
    ...change,
  } as const;
  mesh = new TestMesh({ port: server.port, ca: authority.ca, service: { auth, ...service } });
}

beforeAll(async () => {
  authority = await createAuthority();
});

beforeEach(async () => {
  server = new TokenServer(await authority.issue({ dns: ["localhost"] }));
  await server.start();
});

afterEach(async () => {
  await mesh.egress.close();
  await server.stop();
  expect(mesh.faults).toEqual([]);
});

describe("an access token", () => {
  it("is asked for with the client's id and secret, and sent as a bearer token", async () => {
    newMesh({ audience: "https://api.example" });
    const reply = await mesh.get("/tickets");
    expect([reply.status, textOf(reply)]).toEqual([200, "done"]);
    // RFC 6749 section 2.3.1: form-encoded before it becomes user name and password.
    const pair = `press+line:${encodeURIComponent(secret)}`;
    expect(server.asked).toEqual([
      {
        form: {
          grant_type: "client_credentials",
          scope: "tickets.write tickets.read",
          audience: "https://api.example",
        },
        authorization: `Basic ${Buffer.from(pair).toString("base64")}`,
      },
    ]);
  });

  it("is asked for with id and secret in the body where the service says so", async () => {
    newMesh({ client_auth: "body", scope: undefined } as never);
    expect((await mesh.get("/tickets")).status).toBe(200);
    expect(server.asked).toEqual([
      {
        form: {
          grant_type: "client_credentials",
          client_id: "press line",
          client_secret: secret,
        },
        authorization: "",
      },
    ]);
  });

  it("is kept until shortly before it expires", async () => {
    newMesh();
    await mesh.get("/tickets");
    mesh.nowMs = nowMs + 3600_000 - proxyLimits.accessTokenMarginMs - 1;
    await mesh.get("/tickets");
    expect(server.asked).toHaveLength(1);
    mesh.nowMs += 1;
    expect((await mesh.get("/tickets")).status).toBe(200);
    expect(server.asked).toHaveLength(2);
  });

  it("that says no life of its own is kept for a short one", async () => {
    newMesh();
    server.lifetimeSeconds = undefined;
    await mesh.get("/tickets");
    mesh.nowMs = nowMs + proxyLimits.accessTokenDefaultMs;
    await mesh.get("/tickets");
    expect(server.asked).toHaveLength(2);
  });

  it("is asked for once by many calls that want it at a time", async () => {
    newMesh();
    let open = () => {};
    server.gate = new Promise((resolve) => {
      open = resolve;
    });
    const calls = Array.from({ length: 20 }, () => mesh.get("/tickets"));
    const waiting = setInterval(() => server.asked.length > 0 && open(), 5);
    const replies = await Promise.all(calls);
    clearInterval(waiting);
    expect(replies.map(({ status }) => status)).toEqual(calls.map(() => 200));
    expect(server.asked).toHaveLength(1);
  });

  it("is another one once the client's secret is another", async () => {
    newMesh();
    await mesh.get("/tickets");
    mesh.vault.value = "another-secret";
    await mesh.get("/tickets");
    expect(server.asked).toHaveLength(2);
  });

  it("that the service does not take any more is replaced, once", async () => {
    newMesh();
    await mesh.get("/tickets");
    // The service knows the latest token alone; this one makes the kept one an older one.
    server.asked.push({ form: {}, authorization: "" });
    mesh.nowMs += 1_000;
    expect((await mesh.get("/tickets")).status).toBe(200);
    expect(server.asked).toHaveLength(3);
    expect(server.calls).toBe(3);
    expect(mesh.writer.of("callIntended")).toHaveLength(2);
  });

  it("that is not taken any more is replaced for all calls that were out with it", async () => {
    newMesh();
    await mesh.get("/tickets");
    server.asked.push({ form: {}, authorization: "" });
    mesh.nowMs += 1_000;
    const replies = await Promise.all(Array.from({ length: 8 }, () => mesh.get("/tickets")));
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    expect(server.asked).toHaveLength(3);
  });

  it("that is new and not taken is not asked for again", async () => {
    newMesh();
    server.answers.push({ status: 200, body: '{"access_token":"wrong-1","token_type":"bearer"}' });
    expect((await mesh.get("/tickets")).status).toBe(401);
    expect([server.asked.length, server.calls]).toEqual([1, 1]);
  });

  // Attack 108.
  it("is a secret: it ends answers that carry it, and is in no entry of the ledger", async () => {
    newMesh();
    const reply = await mesh.get("/echo");
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    expect(textOf(reply)).toBe("");
    expect(JSON.stringify([mesh.writer.durable, reply])).not.toContain(server.token);
  });
});

describe("a token server", () => {
  it.each([
    ["SECRET_UNAVAILABLE", 401, '{"error":"invalid_client"}'],
    ["SECRET_UNAVAILABLE", 400, '{"error":"invalid_scope","error_description":"<b>x</b>"}'],
    ["SECRET_UNAVAILABLE", 302, ""],
    ["UPSTREAM_INVALID", 503, "busy"],
    ["UPSTREAM_INVALID", 200, ""],
    ["UPSTREAM_INVALID", 200, '{"access_token":"x"}'],
    ["UPSTREAM_INVALID", 200, '{"access_token":"a b","token_type":"bearer"}'],
    ["UPSTREAM_INVALID", 200, '{"access_token":"a\\r\\nx: y","token_type":"bearer"}'],
    ["UPSTREAM_INVALID", 200, '{"access_token":"x","token_type":"mac"}'],
    ["UPSTREAM_INVALID", 200, '{"access_token":"x","token_type":"bearer","expires_in":-1}'],
    ["UPSTREAM_INVALID", 200, JSON.stringify({ access_token: "x".repeat(40_000) })],
  ])("that means %s with %i %s fails the call, which costs nothing", async (code, status, body) => {
    newMesh();
    server.answers.push({ status, body });
    const reply = await mesh.get("/tickets");
    expect(codeOf(reply)).toBe(code);
    expect(JSON.stringify(reply)).not.toMatch(/<b>|busy/);
    expect(server.calls).toBe(0);
    expect(mesh.writer.of("callSettled")[0]).toMatchObject({ code, actualNanoUsd: 0 });
    // What failed is not kept.
    expect((await mesh.get("/tickets")).status).toBe(200);
  });

  it("is told nothing where the vault does not give the secret", async () => {
    newMesh();
    mesh.vault.value = null;
    expect(codeOf(await mesh.get("/tickets"))).toBe("SECRET_UNAVAILABLE");
    expect(server.asked).toEqual([]);
  });

  // Attacks 29 and 34.
  it.each([
    "https://127.0.0.1:1/token",
    "https://2130706433/token",
    "https://169.254.169.254/token",
  ])("is reached by the same rules as services: not at %s", async (token_url) => {
    newMesh({ token_url }, { addresses: ["127.0.0.2/32"] });
    expect(codeOf(await mesh.get("/tickets"))).toBe("EGRESS_DENIED");
  });

  it("whose certificate is not the authority's is told nothing", async () => {
    newMesh();
    const service = mesh.service as object;
    mesh.service = { ...service, ca: (await createAuthority()).ca } as never;
    expect(codeOf(await mesh.get("/tickets"))).toBe("UPSTREAM_UNREACHABLE");
    expect(server.asked).toEqual([]);
  });
});
