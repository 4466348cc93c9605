import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Certificates, certificates } from "../examples/maintenance/certificates.ts";
import { maintenanceServer } from "../examples/maintenance/server.ts";
import { Tickets } from "../examples/maintenance/tickets.ts";

const apiKey = "a key that only this test knows";
const keyHash = createHash("sha256").update(apiKey).digest("hex");
let folder: string;
let proof: Certificates;
let server: ReturnType<typeof maintenanceServer>;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "cohort-maintenance-"));
  proof = await certificates(folder, Date.now());
  await start();
});

afterEach(() => {
  server.close();
  server.closeAllConnections();
  rmSync(folder, { recursive: true });
});

describe("the maintenance service", () => {
  test("answers 401 without its key, and with another", async () => {
    for (const headers of [{}, { "x-api-key": "another" }, { "x-api-key": "" }]) {
      const reply = await send("POST", { title: "press p1" }, headers);
      expect(reply.status).toBe(401);
    }
    expect((await send("GET", null, { "x-api-key": apiKey })).body).toEqual({ tickets: [] });
  });

  test("opens a ticket and lists it", async () => {
    const opened = await send("POST", { title: "press p1" }, { "x-api-key": apiKey });
    expect(opened.status).toBe(201);
    const { body } = await send("GET", null, { "x-api-key": apiKey });
    expect(body.tickets).toMatchObject([{ id: opened.body.id, report: { title: "press p1" } }]);
  });

  test("answers a repeated idempotency key with the same ticket, also after a restart", async () => {
    const headers = { "x-api-key": apiKey, "idempotency-key": "run-1/ticket" };
    const first = await send("POST", { title: "press p1" }, headers);
    const second = await send("POST", { title: "press p1" }, headers);
    server.close();
    server.closeAllConnections();
    await start();
    const third = await send("POST", { title: "press p1" }, headers);
    expect([second.body.id, third.body.id]).toEqual([first.body.id, first.body.id]);
    const { body } = await send("GET", null, { "x-api-key": apiKey });
    expect(body.tickets).toHaveLength(1);
  });

  test("refuses an idempotency key that was used for another report", async () => {
    const headers = { "x-api-key": apiKey, "idempotency-key": "run-1/ticket" };
    await send("POST", { title: "press p1" }, headers);
    expect((await send("POST", { title: "press p2" }, headers)).status).toBe(422);
  });

  test("refuses what is no report", async () => {
    const headers = { "x-api-key": apiKey };
    expect((await send("POST", [], headers)).status).toBe(400);
    expect((await send("POST", { title: "" }, headers)).status).toBe(400);
    expect((await send("POST", { title: "x".repeat(70_000) }, headers)).status).toBe(413);
    expect((await send("DELETE", null, headers)).status).toBe(405);
  });
});

describe("its certificates", () => {
  test("are kept until they are about to expire", async () => {
    const day = 24 * 3_600_000;
    expect((await certificates(folder, Date.now() + 300 * day)).ca).toBe(proof.ca);
    expect((await certificates(folder, Date.now() + 350 * day)).ca).not.toBe(proof.ca);
  });
});

async function start(): Promise<void> {
  const tickets = new Tickets(join(folder, "tickets.jsonl"));
  server = maintenanceServer({
    certificates: proof,
    keyHash: () => keyHash,
    tickets,
    now: Date.now,
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
}

interface Answer {
  readonly status: number;
  readonly body: { id?: string; tickets?: unknown[]; error?: string };
}

/** Verifies the server against its own authority, as the proxy does. */
function send(method: string, body: unknown, headers: Record<string, string>): Promise<Answer> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const options = { method, headers, ca: proof.ca, host: "localhost", port, path: "/tickets" };
    const outgoing = request({ ...options, family: 4 }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode ?? 0, body: JSON.parse(text) as Answer["body"] }),
      );
    });
    outgoing.once("error", reject);
    outgoing.end(body === null ? undefined : JSON.stringify(body));
  });
}
