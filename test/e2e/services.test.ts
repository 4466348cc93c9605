import type { IncomingMessage, ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { runSteps } from "../kit/step-runs.ts";
import { startTlsService, type TlsService } from "../kit/tls-service.ts";

const token = "at-5b1c9e7d3f2a8046";

describe("a service that extends one of the catalogue", () => {
  let mesh: TestMesh;
  let grafana: TlsService;
  const asked: string[] = [];

  /** A token server, and behind it annotations that tell who made them. */
  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { url = "", headers } = request;
    asked.push(`${request.method} ${url} ${headers["x-grafana-org-id"] ?? ""}`.trim());
    request.resume();
    response.setHeader("content-type", "application/json");
    if (url === "/token") {
      const basic = `Basic ${Buffer.from(`mesh:${mesh.apiKey}`).toString("base64")}`;
      const known = headers.authorization === basic;
      const grant = { access_token: token, token_type: "bearer", expires_in: 3600 };
      return void response.writeHead(known ? 200 : 401).end(JSON.stringify(known ? grant : {}));
    }
    if (headers.authorization !== `Bearer ${token}`) return void response.writeHead(401).end("{}");
    response.end('{"id":7,"login":"ada@plant.example"}');
  }

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
    grafana = await startTlsService(mesh, "grafana", ["charts/client"], (request, response) => {
      void answer(request, response);
    });
    const url = `https://localhost:${grafana.port}`;
    await mesh.apply([
      {
        path: "charts.yaml",
        text: `kind: service
name: charts
extends: catalogue/grafana
base_url: ${url}
ca_file: charts-ca.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: { type: oauth2, token_url: ${url}/token, client_id: mesh, secret: charts/client }
redact: { json: [/login] }
limits: { timeout: 20s, step_rate: { calls: 3, per: 1h } }
`,
      },
      { path: "charts-ca.pem", text: grafana.ca },
    ]);
  });

  afterAll(async () => {
    await grafana?.stop();
    await mesh?.stop();
  });

  it("gives a step's calls a token, its header, its rate, and answers without what is no step's business", async () => {
    const { run, output } = await runSteps(
      mesh,
      `
  - id: annotate
    grants: { services: [charts] }
    script: |
      export default async ({ fetch }) => {
        const headers = { "x-grafana-org-id": "3", "x-other": "1" };
        const answers = [];
        for (let at = 0; at < 4; at += 1) {
          const options = { method: "POST", headers, body: { text: "press stopped" } };
          const answer = await fetch("charts:/api/annotations", options);
          answers.push({ status: answer.status, text: await answer.text() });
        }
        const denied = await fetch("charts:/api/admin/users");
        return { answers, denied: denied.status };
      };
`,
    );
    expect(run.state).toBe("succeeded");
    const { answers, denied } = output("annotate") as {
      answers: { status: number; text: string }[];
      denied: number;
    };
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429]);
    expect(answers[0]?.text).toBe('{"id":7,"login":"[redacted]"}');
    expect(answers[3]?.text).toContain("RATE_EXCEEDED");
    expect(denied).toBe(403);
    const call = "POST /api/annotations 3";
    expect(asked).toEqual(["POST /token", call, call, call]);
    expect(JSON.stringify(run)).not.toContain(token);
  });
});
