import type { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { budgetLimits } from "../../src/budget/limits.ts";
import { proxyLimits } from "../../src/proxy/limits.ts";
import { type Authority, createAuthority } from "./certificates.ts";
import {
  attempt,
  codeOf,
  type MeshOptions,
  nowMs,
  secret,
  TestMesh,
  textOf,
  token,
} from "./mesh.ts";
import { Upstream } from "./upstream.ts";

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

describe("a call of a step", () => {
  it("reaches the service with the key, which the step neither sends nor sees", async () => {
    newMesh({ budgets: [{ name: "all", limit: 100 }] });
    const reply = await mesh.fetch({
      path: "/tickets?urgent=1",
      headers: [
        { name: "content-type", value: "application/json" },
        { name: "x-api-key", value: "mine" },
        { name: "cookie", value: "a=b" },
      ],
    });
    expect(reply.problems).toEqual([]);
    expect(reply.status).toBe(201);
    expect(textOf(reply)).toBe('{"ticket":7}');
    expect(reply.headers.map(({ name }) => name).sort()).toEqual(["content-type", "date"]);
    expect(JSON.stringify(reply)).not.toContain(secret);
    const [seen] = upstream.requests;
    expect(seen).toMatchObject({
      method: "POST",
      url: "/tickets?urgent=1",
      body: '{"title":"loud"}',
    });
    expect(seen?.headers).toEqual({
      host: `localhost:${upstream.port}`,
      connection: "keep-alive",
      "content-type": "application/json",
      "content-length": "16",
      accept: "*/*",
      "accept-encoding": "identity",
      "user-agent": "cohort",
      "x-api-key": secret,
    });
  });

  it("is intended and settled in the ledger, with a hash alone of what was sent", async () => {
    newMesh({ budgets: [{ name: "all", limit: 100 }] });
    await mesh.fetch();
    const [intended] = mesh.writer.of("callIntended");
    expect(intended).toMatchObject({
      call: "call1",
      attempt,
      node: "board",
      token: "01JD9V8Z5N4QJ9W8X7Y6Z5A4B4",
      tokenSeq: 1,
      service: "desk",
      method: "POST",
      path: "/tickets",
      reservedNanoUsd: 10,
      holds: [
        { account: `run/${attempt.run}`, window: "run" },
        { account: "budget/all", window: "day/2026-11-22" },
      ],
    });
    expect(intended?.bodyHash).toHaveLength(32);
    expect(mesh.writer.of("callSettled")).toMatchObject([
      { call: "call1", status: 201, actualNanoUsd: 10, bytesOut: 16, bytesIn: 12, code: "" },
    ]);
    expect(JSON.stringify(mesh.writer.durable)).not.toContain("loud");
    expect(mesh.sum("all")).toEqual({ posted: 10, held: 0 });
  });

  it("leaves once its intent is durable, and is answered once its outcome is", async () => {
    newMesh();
    const order: string[] = [];
    mesh.writer.onAppend = (events) => {
      order.push(`${events[0]?.$case} after ${upstream.requests.length} requests`);
    };
    await mesh.fetch().then(() => order.push("answered"));
    expect(order).toEqual([
      "callIntended after 0 requests",
      "callSettled after 1 requests",
      "answered",
    ]);
  });

  it("never leaves when its intent can't be written", async () => {
    newMesh();
    mesh.writer.failing = true;
    expect(codeOf(await mesh.fetch())).toBe("LEDGER_UNWRITABLE");
    expect(upstream.connections).toBe(0);
  });

  it("gets no answer when its outcome can't be written", async () => {
    newMesh();
    mesh.writer.onAppend = (events) => {
      mesh.writer.failing = events[0]?.$case === "callSettled";
    };
    const reply = await mesh.fetch();
    expect(codeOf(reply)).toBe("LEDGER_UNWRITABLE");
    expect(textOf(reply)).toBe("");
    expect(upstream.requests).toHaveLength(1);
  });

  it("is let through once of 50 at a time when there is money for one", async () => {
    newMesh({ budgets: [{ name: "all", limit: 19 }] });
    const replies = await Promise.all([
      ...Array.from({ length: 30 }, () => mesh.fetch()),
      ...Array.from({ length: 20 }, () => mesh.proxy.fromStep(stepCall())),
    ]);
    expect(replies.filter((reply) => reply.status === 201)).toHaveLength(1);
    expect(replies.filter((reply) => codeOf(reply) === "BUDGET_EXHAUSTED")).toHaveLength(49);
    expect(upstream.requests).toHaveLength(1);
    expect(mesh.writer.of("callRefused").map(({ code }) => code)).toEqual(
      Array(49).fill("BUDGET_EXHAUSTED"),
    );
  });

  it("is refused when too many of the node's are out, until one of them ends", async () => {
    newMesh();
    const out = Array.from({ length: proxyLimits.callsPerNodeMax }, () => mesh.get("/slow"));
    expect(codeOf(await mesh.fetch())).toBe("LIMIT_EXCEEDED");
    expect((await Promise.all(out)).map(codeOf)).toEqual(out.map(() => "UPSTREAM_TIMEOUT"));
    expect(codeOf(await mesh.fetch())).toBe("");
  });
});

function stepCall(rest = {}) {
  const call = { attempt, service: "desk", method: "POST", path: "/tickets", json: { title: "x" } };
  return { ...call, idempotencyKey: "01RUN/ask", ...rest };
}

describe("a call of the coordinator's own", () => {
  it("carries its idempotency key and JSON, and needs no token", async () => {
    newMesh({ budgets: [{ name: "board", scope: "node/board", limit: 0 }] });
    const reply = await mesh.proxy.fromStep(stepCall());
    expect(reply.status).toBe(201);
    expect(upstream.requests[0]).toMatchObject({
      body: '{"title":"x"}',
      headers: {
        "idempotency-key": "01RUN/ask",
        "content-type": "application/json",
        accept: "application/json",
        "x-api-key": secret,
      },
    });
    expect(mesh.writer.of("callIntended")[0]).toMatchObject({ node: "", token: "", tokenSeq: 0 });
  });

  it("has no body without JSON", async () => {
    newMesh();
    await mesh.proxy.fromStep(stepCall({ method: "GET", json: undefined }));
    expect(upstream.requests[0]).toMatchObject({ method: "GET", body: "" });
    expect(upstream.requests[0]?.headers).not.toHaveProperty("content-type");
  });

  it("keeps to its step's ceiling", async () => {
    newMesh();
    const rest = { workflow: "press", agent: "", site: "", above: [], runCeilingNanoUsd: null };
    mesh.calling = { ...rest, stepCeilingNanoUsd: 9 };
    expect(codeOf(await mesh.proxy.fromStep(stepCall()))).toBe("BUDGET_EXHAUSTED");
    mesh.calling = { ...rest, stepCeilingNanoUsd: 10 };
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => mesh.proxy.fromStep(stepCall())),
    );
    expect(replies.map(codeOf).filter((it) => it === "BUDGET_EXHAUSTED")).toHaveLength(19);
    expect(upstream.requests).toHaveLength(1);
  });

  it("keeps to the service's rules and to the run's ceiling", async () => {
    newMesh({ service: { allow: [{ methods: ["POST"], path: "/tickets" }] } });
    expect(codeOf(await mesh.proxy.fromStep(stepCall({ path: "/echo" })))).toBe("GRANT_MISSING");
    mesh.calling = {
      workflow: "press",
      agent: "",
      site: "",
      above: [],
      runCeilingNanoUsd: 9,
      stepCeilingNanoUsd: null,
    };
    expect(codeOf(await mesh.proxy.fromStep(stepCall()))).toBe("BUDGET_EXHAUSTED");
    mesh.live = false;
    expect(codeOf(await mesh.proxy.fromStep(stepCall()))).toBe("TOKEN_WRONG_STEP");
    expect(upstream.connections).toBe(0);
    expect(mesh.writer.of("callRefused").map(({ node, code }) => [node, code])).toEqual([
      ["", "GRANT_MISSING"],
      ["", "BUDGET_EXHAUSTED"],
      ["", "TOKEN_WRONG_STEP"],
    ]);
  });
});

describe("calls of the coordinator's own that are too many", () => {
  it("wait for a place, in turn, and are refused none", async () => {
    newMesh();
    const calls = Array.from({ length: proxyLimits.ownCallsMax + 20 }, (_, index) =>
      mesh.proxy.fromStep(stepCall({ idempotencyKey: `${index}` })),
    );
    const replies = await Promise.all(calls);
    expect(replies.map(({ status }) => status)).toEqual(calls.map(() => 201));
    expect(upstream.requests).toHaveLength(calls.length);
  });
});

describe("a refusal", () => {
  it.each<[string, Partial<ProxyRequest>]>([
    ["TOKEN_INVALID", { token: "v4.local.nonsense" }],
    ["TOKEN_WRONG_NODE", { token: token(["desk"], "other") }],
    ["GRANT_MISSING", { token: token(["else"]) }],
    ["GRANT_MISSING", { service: "else" }],
    ["GRANT_MISSING", { method: "DELETE" }],
    ["GRANT_MISSING", { method: "CONNECT" }],
    ["USAGE", { path: "/a/../tickets" }],
    ["USAGE", { path: "//tickets" }],
    ["USAGE", { path: "/tickets\r\nx-evil: 1" }],
    ["USAGE", { headers: [{ name: "accept", value: "a\r\nx-evil: 1" }] }],
    ["USAGE", { method: "GET", body: Buffer.from("x") }],
    ["LIMIT_EXCEEDED", { body: Buffer.alloc(10_001, "x") }],
    ["TOKEN_REPLAYED", { seq: 1 }],
    ["PROOF_INVALID", { atMs: nowMs - 120_000 }],
  ])("is %s for %j, recorded, and nothing leaves", async (code, change) => {
    newMesh();
    await mesh.fetch();
    expect(codeOf(await mesh.fetch(change))).toBe(code);
    expect(upstream.requests).toHaveLength(1);
    expect(mesh.writer.of("callIntended")).toHaveLength(1);
    const [refused] = mesh.writer.of("callRefused");
    expect(refused).toMatchObject({ code, node: "board" });
    expect(refused?.token).toBe(code === "TOKEN_INVALID" ? "" : "01JD9V8Z5N4QJ9W8X7Y6Z5A4B4");
    expect(refused?.path).toMatch(/^[\x21-\x7e]+$/);
  });

  it("is PROOF_INVALID for whatever is changed under a valid proof", async () => {
    newMesh();
    const changes = [
      { body: Buffer.from("{}") },
      { method: "GET", body: Buffer.alloc(0) },
      { path: "/tickets?all=1" },
      { path: "/echo" },
      { headers: [] },
      { seq: 99 },
      { atMs: nowMs + 1 },
      { token: token() },
      { proof: new Uint8Array(64) },
      { proof: new Uint8Array() },
    ];
    for (const change of changes) {
      const reply = await mesh.ask("board", { ...mesh.request(), ...change });
      expect(codeOf(reply)).toBe("PROOF_INVALID");
    }
    expect(upstream.connections).toBe(0);
  });

  it("is TOKEN_WRONG_STEP when the attempt, or its run, is over", async () => {
    newMesh();
    mesh.live = false;
    expect(codeOf(await mesh.fetch())).toBe("TOKEN_WRONG_STEP");
    mesh.live = true;
    mesh.calling = null;
    expect(codeOf(await mesh.fetch())).toBe("TOKEN_WRONG_STEP");
    expect(mesh.writer.of("callRefused")).toHaveLength(2);
  });

  it("is every replay but the first of many that come at once", async () => {
    newMesh();
    const request = mesh.request();
    const replies = await Promise.all(Array.from({ length: 30 }, () => mesh.ask("board", request)));
    expect(replies.filter((reply) => codeOf(reply) === "TOKEN_REPLAYED")).toHaveLength(29);
    expect(upstream.requests).toHaveLength(1);
  });

  it("is not recorded for a node that is not enrolled", async () => {
    newMesh();
    expect(codeOf(await mesh.ask("stranger", mesh.request()))).toBe("UNAUTHENTICATED");
    expect(mesh.writer.durable).toEqual([]);
  });

  it("reads the same for a service that is not granted and one that does not exist", async () => {
    newMesh();
    const ungranted = await mesh.fetch({ token: token(["else"]) });
    const unknown = await mesh.fetch({ token: token(["else"]), service: "else" });
    mesh.service = null;
    const undefinedYet = await mesh.fetch();
    expect(unknown.problems).toEqual(ungranted.problems);
    expect(undefinedYet.problems).toEqual(ungranted.problems);
  });

  it("fills no disk when a node asks for it again and again", async () => {
    newMesh();
    for (let count = 0; count < budgetLimits.refusalsRecordedMax + 25; count += 1) {
      expect(codeOf(await mesh.fetch({ token: "v4.local.nonsense" }))).toBe("TOKEN_INVALID");
    }
    expect(mesh.writer.durable).toHaveLength(budgetLimits.refusalsRecordedMax);
    expect(mesh.proxy.refusalsSuppressed).toBe(25);
  });

  it("is PRICE_UNKNOWN for a service without a price", async () => {
    newMesh();
    const { pricing: _, ...unpriced } = mesh.service ?? ({} as never);
    mesh.service = unpriced;
    expect(codeOf(await mesh.fetch())).toBe("PRICE_UNKNOWN");
    expect(upstream.connections).toBe(0);
  });
});
