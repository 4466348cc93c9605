import type { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { budgetLimits } from "../../src/budget/limits.ts";
import { proxyLimits } from "../../src/proxy/limits.ts";
import { attempt, codeOf, nowMs, secret, textOf, token } from "./mesh.ts";
import { Stage } from "./stage.ts";

const stage = new Stage();

describe("a call of a step", () => {
  it("reaches the service with the key, which the step neither sends nor sees", async () => {
    stage.newMesh({ budgets: [{ name: "all", limit: 100 }] });
    const reply = await stage.mesh.fetch({
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
    const [seen] = stage.upstream.requests;
    expect(seen).toMatchObject({
      method: "POST",
      url: "/tickets?urgent=1",
      body: '{"title":"loud"}',
    });
    expect(seen?.headers).toEqual({
      host: `localhost:${stage.upstream.port}`,
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
    stage.newMesh({ budgets: [{ name: "all", limit: 100 }] });
    await stage.mesh.fetch();
    const [intended] = stage.mesh.writer.of("callIntended");
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
    expect(stage.mesh.writer.of("callSettled")).toMatchObject([
      { call: "call1", status: 201, actualNanoUsd: 10, bytesOut: 16, bytesIn: 12, code: "" },
    ]);
    expect(JSON.stringify(stage.mesh.writer.durable)).not.toContain("loud");
    expect(stage.mesh.sum("all")).toEqual({ posted: 10, held: 0 });
  });

  it("leaves once its intent is durable, and is answered once its outcome is", async () => {
    stage.newMesh();
    const order: string[] = [];
    stage.mesh.writer.onAppend = (events) => {
      order.push(`${events[0]?.$case} after ${stage.upstream.requests.length} requests`);
    };
    await stage.mesh.fetch().then(() => order.push("answered"));
    expect(order).toEqual([
      "callIntended after 0 requests",
      "callSettled after 1 requests",
      "answered",
    ]);
  });

  it("never leaves when its intent can't be written", async () => {
    stage.newMesh();
    stage.mesh.writer.failing = true;
    expect(codeOf(await stage.mesh.fetch())).toBe("LEDGER_UNWRITABLE");
    expect(stage.upstream.connections).toBe(0);
  });

  it("gets no answer when its outcome can't be written", async () => {
    stage.newMesh();
    stage.mesh.writer.onAppend = (events) => {
      stage.mesh.writer.failing = events[0]?.$case === "callSettled";
    };
    const reply = await stage.mesh.fetch();
    expect(codeOf(reply)).toBe("LEDGER_UNWRITABLE");
    expect(textOf(reply)).toBe("");
    expect(stage.upstream.requests).toHaveLength(1);
  });

  it("is let through once of 50 at a time when there is money for one", async () => {
    stage.newMesh({ budgets: [{ name: "all", limit: 19 }] });
    const replies = await Promise.all([
      ...Array.from({ length: 30 }, () => stage.mesh.fetch()),
      ...Array.from({ length: 20 }, () => stage.mesh.proxy.fromStep(stepCall())),
    ]);
    expect(replies.filter((reply) => reply.status === 201)).toHaveLength(1);
    expect(replies.filter((reply) => codeOf(reply) === "BUDGET_EXHAUSTED")).toHaveLength(49);
    expect(stage.upstream.requests).toHaveLength(1);
    expect(stage.mesh.writer.of("callRefused").map(({ code }) => code)).toEqual(
      Array(49).fill("BUDGET_EXHAUSTED"),
    );
  });

  it("is refused when too many of the node's are out, until one of them ends", async () => {
    stage.newMesh();
    const out = Array.from({ length: proxyLimits.callsPerNodeMax }, () => stage.mesh.get("/slow"));
    expect(codeOf(await stage.mesh.fetch())).toBe("LIMIT_EXCEEDED");
    expect((await Promise.all(out)).map(codeOf)).toEqual(out.map(() => "UPSTREAM_TIMEOUT"));
    expect(codeOf(await stage.mesh.fetch())).toBe("");
  });
});

function stepCall(rest = {}) {
  const call = { attempt, service: "desk", method: "POST", path: "/tickets", json: { title: "x" } };
  return { ...call, idempotencyKey: "01RUN/ask", ...rest };
}

describe("a call of the coordinator's own", () => {
  it("carries its idempotency key and JSON, and needs no token", async () => {
    stage.newMesh({ budgets: [{ name: "board", scope: "node/board", limit: 0 }] });
    const reply = await stage.mesh.proxy.fromStep(stepCall());
    expect(reply.status).toBe(201);
    expect(stage.upstream.requests[0]).toMatchObject({
      body: '{"title":"x"}',
      headers: {
        "idempotency-key": "01RUN/ask",
        "content-type": "application/json",
        accept: "application/json",
        "x-api-key": secret,
      },
    });
    expect(stage.mesh.writer.of("callIntended")[0]).toMatchObject({
      node: "",
      token: "",
      tokenSeq: 0,
    });
  });

  it("has no body without JSON", async () => {
    stage.newMesh();
    await stage.mesh.proxy.fromStep(stepCall({ method: "GET", json: undefined }));
    expect(stage.upstream.requests[0]).toMatchObject({ method: "GET", body: "" });
    expect(stage.upstream.requests[0]?.headers).not.toHaveProperty("content-type");
  });

  it("keeps to its step's ceiling", async () => {
    stage.newMesh();
    const rest = { workflow: "press", agent: "", site: "", above: [], runCeilingNanoUsd: null };
    stage.mesh.calling = { ...rest, stepCeilingNanoUsd: 9 };
    expect(codeOf(await stage.mesh.proxy.fromStep(stepCall()))).toBe("BUDGET_EXHAUSTED");
    stage.mesh.calling = { ...rest, stepCeilingNanoUsd: 10 };
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => stage.mesh.proxy.fromStep(stepCall())),
    );
    expect(replies.map(codeOf).filter((it) => it === "BUDGET_EXHAUSTED")).toHaveLength(19);
    expect(stage.upstream.requests).toHaveLength(1);
  });

  it("keeps to the service's rules and to the run's ceiling", async () => {
    stage.newMesh({ service: { allow: [{ methods: ["POST"], path: "/tickets" }] } });
    expect(codeOf(await stage.mesh.proxy.fromStep(stepCall({ path: "/echo" })))).toBe(
      "GRANT_MISSING",
    );
    stage.mesh.calling = {
      workflow: "press",
      agent: "",
      site: "",
      above: [],
      runCeilingNanoUsd: 9,
      stepCeilingNanoUsd: null,
    };
    expect(codeOf(await stage.mesh.proxy.fromStep(stepCall()))).toBe("BUDGET_EXHAUSTED");
    stage.mesh.live = false;
    expect(codeOf(await stage.mesh.proxy.fromStep(stepCall()))).toBe("TOKEN_WRONG_STEP");
    expect(stage.upstream.connections).toBe(0);
    expect(stage.mesh.writer.of("callRefused").map(({ node, code }) => [node, code])).toEqual([
      ["", "GRANT_MISSING"],
      ["", "BUDGET_EXHAUSTED"],
      ["", "TOKEN_WRONG_STEP"],
    ]);
  });
});

describe("calls of the coordinator's own that are too many", () => {
  it("wait for a place, in turn, and are refused none", async () => {
    stage.newMesh();
    const calls = Array.from({ length: proxyLimits.ownCallsMax + 20 }, (_, index) =>
      stage.mesh.proxy.fromStep(stepCall({ idempotencyKey: `${index}` })),
    );
    const replies = await Promise.all(calls);
    expect(replies.map(({ status }) => status)).toEqual(calls.map(() => 201));
    expect(stage.upstream.requests).toHaveLength(calls.length);
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
    stage.newMesh();
    await stage.mesh.fetch();
    expect(codeOf(await stage.mesh.fetch(change))).toBe(code);
    expect(stage.upstream.requests).toHaveLength(1);
    expect(stage.mesh.writer.of("callIntended")).toHaveLength(1);
    const [refused] = stage.mesh.writer.of("callRefused");
    expect(refused).toMatchObject({ code, node: "board" });
    expect(refused?.token).toBe(code === "TOKEN_INVALID" ? "" : "01JD9V8Z5N4QJ9W8X7Y6Z5A4B4");
    expect(refused?.path).toMatch(/^[\x21-\x7e]+$/);
  });

  it("is PROOF_INVALID for whatever is changed under a valid proof", async () => {
    stage.newMesh();
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
      const reply = await stage.mesh.ask("board", { ...stage.mesh.request(), ...change });
      expect(codeOf(reply)).toBe("PROOF_INVALID");
    }
    expect(stage.upstream.connections).toBe(0);
  });

  it("is TOKEN_WRONG_STEP when the attempt, or its run, is over", async () => {
    stage.newMesh();
    stage.mesh.live = false;
    expect(codeOf(await stage.mesh.fetch())).toBe("TOKEN_WRONG_STEP");
    stage.mesh.live = true;
    stage.mesh.calling = null;
    expect(codeOf(await stage.mesh.fetch())).toBe("TOKEN_WRONG_STEP");
    expect(stage.mesh.writer.of("callRefused")).toHaveLength(2);
  });

  it("is TOKEN_REVOKED when an operator revoked the attempt's tokens", async () => {
    stage.newMesh();
    stage.mesh.revoked = true;
    const reply = await stage.mesh.fetch();
    expect(codeOf(reply)).toBe("TOKEN_REVOKED");
    expect(reply.problems[0]?.hint).not.toBe("");
    expect(stage.upstream.connections).toBe(0);
    expect(stage.mesh.writer.of("callRefused").map(({ code }) => code)).toEqual(["TOKEN_REVOKED"]);
  });

  it("is every replay but the first of many that come at once", async () => {
    stage.newMesh();
    const request = stage.mesh.request();
    const replies = await Promise.all(
      Array.from({ length: 30 }, () => stage.mesh.ask("board", request)),
    );
    expect(replies.filter((reply) => codeOf(reply) === "TOKEN_REPLAYED")).toHaveLength(29);
    expect(stage.upstream.requests).toHaveLength(1);
  });

  it("is not recorded for a node that is not enrolled", async () => {
    stage.newMesh();
    expect(codeOf(await stage.mesh.ask("stranger", stage.mesh.request()))).toBe("UNAUTHENTICATED");
    expect(stage.mesh.writer.durable).toEqual([]);
  });

  it("reads the same for a service that is not granted and one that does not exist", async () => {
    stage.newMesh();
    const ungranted = await stage.mesh.fetch({ token: token(["else"]) });
    const unknown = await stage.mesh.fetch({ token: token(["else"]), service: "else" });
    stage.mesh.service = null;
    const undefinedYet = await stage.mesh.fetch();
    expect(unknown.problems).toEqual(ungranted.problems);
    expect(undefinedYet.problems).toEqual(ungranted.problems);
  });

  it("fills no disk when a node asks for it again and again", async () => {
    stage.newMesh();
    for (let count = 0; count < budgetLimits.refusalsRecordedMax + 25; count += 1) {
      expect(codeOf(await stage.mesh.fetch({ token: "v4.local.nonsense" }))).toBe("TOKEN_INVALID");
    }
    expect(stage.mesh.writer.durable).toHaveLength(budgetLimits.refusalsRecordedMax);
    expect(stage.mesh.proxy.refusalsSuppressed).toBe(25);
  });

  it("is PRICE_UNKNOWN for a service without a price", async () => {
    stage.newMesh();
    const { pricing: _, ...unpriced } = stage.mesh.service ?? ({} as never);
    stage.mesh.service = unpriced;
    expect(codeOf(await stage.mesh.fetch())).toBe("PRICE_UNKNOWN");
    expect(stage.upstream.connections).toBe(0);
  });
});
