import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { SubmitWebhookReply, SubmitWebhookRequest } from "@cohort/proto/gen/cohort/console";
import { limits as shared } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { limits } from "../src/limits.ts";
import { Tally } from "../src/tally.ts";
import { startWebhooks, type Webhooks, type WebhooksAddress } from "../src/webhooks/webhooks.ts";
import { makeCertificates } from "./kit/certificates.ts";
import { type Logbook, newLogbook } from "./kit/logbook.ts";

let logbook: Logbook;
let hooks: Webhooks;
let submitted: SubmitWebhookRequest[];
let submit: (request: SubmitWebhookRequest) => Promise<SubmitWebhookReply>;

async function start(tls: WebhooksAddress["tls"] = null): Promise<void> {
  hooks = await startWebhooks(
    { host: "127.0.0.1", port: 0, tls },
    {
      log: logbook.log,
      tally: new Tally(Date.now),
      submit: async (request) => {
        submitted.push(request);
        return submit(request);
      },
    },
  );
  hooks.setPaths(["/press"]);
}

beforeEach(async () => {
  logbook = newLogbook();
  submitted = [];
  submit = async () => ({ runs: [] });
  await start();
});

afterEach(() => hooks.close());

async function post(path: string, body: string, init: RequestInit = {}) {
  const response = await fetch(`${hooks.url}${path}`, { method: "POST", body, ...init });
  return { status: response.status, body: (await response.json()) as unknown };
}

describe("a request to a webhook", () => {
  it("goes to the coordinator as it came, with what signs it and nothing else", async () => {
    submit = async () => ({
      runs: [{ workflow: "press", run: "R1", existing: false, problems: [] }],
    });
    const headers = {
      "webhook-id": "m1",
      "webhook-timestamp": "1000",
      "webhook-signature": "v1,abc",
      "x-hub-signature-256": "sha256=00",
      cookie: "secret",
    };
    expect(await post("/press?from=plc", '{ "part" : 7 }', { headers })).toEqual({
      status: 202,
      body: { runs: [{ workflow: "press", run: "R1", existing: false }], problems: [] },
    });
    expect(submitted).toEqual([
      {
        path: "/press",
        body: Buffer.from('{ "part" : 7 }'),
        id: "m1",
        timestamp: "1000",
        signature: "v1,abc",
        hubSignature: "sha256=00",
      },
    ]);
  });

  it.each([
    [401, refuse("WEBHOOK_UNVERIFIED", "refused")],
    [400, refuse("EVENT_PAYLOAD_INVALID", "no JSON")],
    [413, refuse("LIMIT_EXCEEDED", "too large")],
    [503, refuse("UNREACHABLE", "away")],
  ])("is answered %i with the reason", async (status, error) => {
    submit = async () => {
      throw error;
    };
    expect(await post("/press", "{}")).toEqual({
      status,
      body: { runs: [], problems: [{ code: error.code, message: error.message }] },
    });
    expect(logbook.entries.filter((it) => it["path"] === "/press")).toHaveLength(1);
  });

  it("is answered 422 when no workflow could take it", async () => {
    const problems = refuse("INPUT_INVALID", "no part").problems;
    submit = async () => ({
      runs: [{ workflow: "press", run: "", existing: false, problems: [...problems] }],
    });
    expect(await post("/press", "{}")).toMatchObject({ status: 422 });
  });

  it("to another path, or with another method, is refused here", async () => {
    expect(await post("/other", "{}")).toMatchObject({ status: 404 });
    expect(await post("/press/", "{}")).toMatchObject({ status: 404 });
    const { status } = await fetch(`${hooks.url}/press`);
    expect(status).toBe(405);
    expect(submitted).toEqual([]);
  });

  it("with too large a body is refused before all of it has come", async () => {
    const answer = await post("/press", "x".repeat(shared.eventBytesMax + 1));
    expect(answer).toMatchObject({ status: 413 });
    expect(submitted).toEqual([]);
  });

  it("is refused as one more than may be under way, and others go on", async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    submit = async () => {
      await held;
      return { runs: [] };
    };
    const waiting = Array.from({ length: limits.webhooksUnderWayMax }, () => post("/press", "{}"));
    await expect.poll(() => submitted.length).toBe(limits.webhooksUnderWayMax);
    expect(await post("/press", "{}")).toMatchObject({ status: 503 });
    release();
    expect(new Set((await Promise.all(waiting)).map((it) => it.status))).toEqual(new Set([202]));
  });

  it("that a second reader could read otherwise is refused by the parser", async () => {
    const { port } = new URL(hooks.url);
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), "127.0.0.1");
      let text = "";
      socket.on("data", (bytes) => {
        text += bytes.toString();
      });
      socket.on("close", () => resolve(text));
      socket.end(
        "POST /press HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
      );
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(submitted).toEqual([]);
  });
});

describe("the listener", () => {
  it("takes nothing before the coordinator has named the paths", async () => {
    await hooks.close();
    const parts = { log: logbook.log, tally: new Tally(Date.now), submit };
    hooks = await startWebhooks({ host: "127.0.0.1", port: 0, tls: null }, parts);
    expect(await post("/press", "{}")).toMatchObject({ status: 503 });
  });

  it("speaks TLS where it was given a certificate", async () => {
    await hooks.close();
    const { ca, certificate, key } = await makeCertificates();
    await start({ certificate, key });
    const status = await new Promise((resolve, reject) => {
      httpsRequest(`${hooks.url}/press`, { method: "POST", ca }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on("error", reject)
        .end("{}");
    });
    expect(status).toBe(202);
  });

  it("says which port is taken", async () => {
    const { port } = new URL(hooks.url);
    const parts = { log: logbook.log, tally: new Tally(Date.now), submit };
    await expect(
      startWebhooks({ host: "127.0.0.1", port: Number(port), tls: null }, parts),
    ).rejects.toMatchObject({ code: "SETUP_FAILED", message: expect.stringContaining(port) });
  });
});
