import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { certificates } from "../../deploy/examples/maintenance/certificates.ts";
import { readLedger } from "../kit/history.ts";
import { TestMesh } from "../kit/mesh.ts";
import { runSteps } from "../kit/step-runs.ts";

const size = 16 * 1024 * 1024;
const digest = createHash("sha256").update(Buffer.alloc(size)).digest("hex");

let mesh: TestMesh;
let server: Server;
let serve: (request: IncomingMessage, response: ServerResponse) => unknown;
let brokenOff = 0;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.startAgents({ "board-01": {} });
  const folder = join(mesh.home, "depot");
  mkdirSync(folder);
  const { ca, certificate, key } = await certificates(folder, Date.now());
  server = createServer({ cert: certificate, key }, (request, response) => {
    request.on("error", () => {});
    response.on("close", () => {
      if (!response.writableFinished) brokenOff += 1;
    });
    serve(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const text = `kind: service
name: depot
base_url: https://localhost:${port}
ca_file: depot-ca.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: { type: none }
allow: [{ methods: [GET, PUT], path: /** }]
pricing: { per_call: 0.01 USD }
limits: { timeout: 4m, request: 32 MiB, response: 32 MiB }
`;
  await mesh.apply([
    { path: "depot.yaml", text },
    { path: "depot-ca.pem", text: ca },
  ]);
});

beforeEach(() => {
  brokenOff = 0;
});

afterAll(async () => {
  await mesh?.stop();
  server?.closeAllConnections();
  server?.close();
});

/** One step, in bash, that has a connection to its proxy as descriptor 3. */
async function runStep(script: string) {
  const lines = script
    .trim()
    .split("\n")
    .map((line) => `      ${line.trim()}`);
  return await runSteps(
    mesh,
    `
  - id: ask
    shell: bash
    grants: { services: [depot] }
    limits: { disk: 64 MiB, memory: 128 MiB }
    run: |
      exec 3<>/dev/tcp/127.0.0.1/\${COHORT_PROXY##*:}
${lines.join("\n")}
`,
  );
}

async function settlements() {
  const entries = await readLedger(mesh);
  return entries.flatMap(({ event }) => (event?.$case === "callSettled" ? [event.value] : []));
}

const head = (method: string, path: string) =>
  `${method} /depot${path} HTTP/1.1\\r\\nhost: a\\r\\nconnection: close\\r\\n`;

describe("a step's call", () => {
  it("sends 16 MiB to its service and takes as much from it", async () => {
    serve = async (request, response) => {
      const hash = createHash("sha256");
      for await (const chunk of request) hash.update(chunk as Buffer);
      response.setHeader("x-request-id", hash.digest("hex"));
      response.end(Buffer.alloc(size));
    };
    const { run, log } = await runStep(`
      { printf '${head("PUT", "/file")}content-length: ${size}\\r\\n\\r\\n'; head -c ${size} /dev/zero; } >&3
      cat <&3 >answer
      head -c 1000 answer | grep -a x-request-id
      tr -cd '\\000' <answer | wc -c
    `);
    const text = await log("ask");
    expect([run.state, run.reason]).toEqual(["succeeded", ""]);
    expect(text).toContain(`x-request-id: ${digest}`);
    expect(text).toContain(`${size}`);
    expect((await settlements()).at(-1)).toMatchObject({ bytesOut: size, bytesIn: size, code: "" });
  });

  it("takes events as they come, and knows an end from a break", async () => {
    serve = (request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const isBroken = request.url === "/broken";
      const say = (count: number) => {
        response.write(`data: ${count}\n\n`);
        if (count < 3) setTimeout(() => say(count + 1), 150);
        else if (isBroken) response.destroy();
        else response.end();
      };
      say(1);
    };
    const ask = (path: string) => `printf '${head("GET", path)}\\r\\n' >&3; cat <&3`;
    const whole = await runStep(ask("/events"));
    expect(await whole.log("ask")).toMatch(
      /data: 1[\s\S]*data: 2[\s\S]*data: 3[\s\S]*\r\n0\r\n\r\n$/,
    );
    const broken = await runStep(ask("/broken"));
    const text = await broken.log("ask");
    expect(text).toContain("data: 1");
    expect(text).not.toMatch(/\r\n0\r\n\r\n$/);
    expect((await settlements()).at(-1)).toMatchObject({ code: "UPSTREAM_UNREACHABLE" });
  });

  // Attack 68.
  it("that its step hangs up on is ended at the service and charged", async () => {
    serve = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.write("data: 1\n\n");
    };
    await runStep(`
      printf '${head("GET", "/events")}\\r\\n' >&3
      while read -r line <&3; do case "$line" in data*) break;; esac; done
      exec 3>&-
      sleep 1
    `);
    await vi.waitFor(() => expect(brokenOff).toBe(1));
    expect((await settlements()).at(-1)).toMatchObject({
      code: "CALL_CANCELLED",
      actualNanoUsd: 10_000_000,
    });
  });

  it("of a step that is killed is ended at the service and charged", async () => {
    let asked = false;
    serve = () => {
      asked = true;
    };
    const running = runStep(`
      printf '${head("GET", "/slow")}\\r\\n' >&3
      cat <&3
    `);
    await vi.waitFor(() => expect(asked).toBe(true), { timeout: 20_000 });
    const { runs } = mesh.client;
    const { runs: all } = await mesh.client.call(runs, runs.list, {
      workflow: "",
      limit: 10,
      state: "",
      before: "",
    });
    const run = all.find(({ state }) => state === "running")?.run ?? "";
    await mesh.client.call(runs, runs.cancel, { run, hard: true });
    await running;
    await vi.waitFor(() => expect(brokenOff).toBe(1));
    await vi.waitFor(async () =>
      expect((await settlements()).at(-1)).toMatchObject({
        code: "CALL_CANCELLED",
        actualNanoUsd: 10_000_000,
      }),
    );
  });
});
