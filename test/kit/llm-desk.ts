import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { certificates } from "../../deploy/examples/maintenance/certificates.ts";
import type { TestMesh } from "./mesh.ts";

/** What a provider may do that its customer pays for, by the name of the model that is asked. */
export const manners = [
  ...["honest", "mute", "negative", "huge", "twice", "switched", "priority"],
  ...["silent", "endless", "slow"],
] as const;

export type Manner = (typeof manners)[number];

/**
 * A TLS upstream that speaks the chat API, honestly or not. Every model costs 1 nano-USD for a token
 * of the request and 10 for one of the answer, of which a call may ask 100.
 */
export class LlmDesk {
  readonly asked: Record<string, unknown>[] = [];
  /** Connections that were closed before the answer was whole. */
  left = 0;

  private constructor(
    readonly ca: string,
    readonly server: Server,
  ) {}

  /** Serves, and has its service "llm" applied. */
  static async start(mesh: TestMesh): Promise<LlmDesk> {
    const folder = join(mesh.home, "llm-desk");
    mkdirSync(folder);
    const { ca, certificate, key } = await certificates(folder, Date.now());
    const desk = new LlmDesk(ca, createServer({ cert: certificate, key }));
    desk.server.on("request", (request, response) => void desk.#answer(request, response));
    desk.server.listen(0, "127.0.0.1");
    await once(desk.server, "listening");
    const { secrets } = mesh.client;
    const value = Buffer.from("llm-desk-key");
    await mesh.client.call(secrets, secrets.set, { path: "llm/key", value, services: [] });
    await mesh.apply(desk.#files());
    return desk;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  #files(): { path: string; text: string }[] {
    const { port } = this.server.address() as AddressInfo;
    const price = "{ input: 0.001 USD, output: 0.010 USD }";
    const prices = manners.map((it) => `      ${it}: ${price}`).join("\n");
    const text = `kind: service
name: llm
base_url: https://localhost:${port}
ca_file: llm-ca.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: { type: bearer, secret: llm/key }
allow: [{ methods: [POST], path: "/**" }]
pricing:
  llm:
    max_output_tokens: 100
    prices:
${prices}
`;
    return [
      { path: "llm.yaml", text },
      { path: "llm-ca.pem", text: this.ca },
    ];
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
    this.asked.push(body);
    response.on("close", () => {
      if (!response.writableFinished) this.left += 1;
    });
    const manner = body["model"] as Manner;
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.flushHeaders();
    if (manner === "silent") return;
    const event = (value: object) => response.write(`data: ${JSON.stringify(value)}\n\n`);
    const model = manner === "switched" ? "another-model" : manner;
    event({ model, choices: [{ delta: { content: "hello" } }] });
    if (manner === "slow") return;
    if (manner === "endless") return flood(response);
    if (manner === "mute") return void response.end("data: [DONE]\n\n");
    for (const usage of usagesOf(manner)) {
      const tier = manner === "priority" ? { service_tier: "priority" } : {};
      event({ model, choices: [], usage, ...tier });
    }
    response.end("data: [DONE]\n\n");
  }
}

function usagesOf(manner: Manner): object[] {
  const usage = { prompt_tokens: 10, completion_tokens: 5 };
  if (manner === "negative") return [{ ...usage, completion_tokens: -1_000_000 }];
  if (manner === "huge") return [{ ...usage, completion_tokens: 1_000_000 }];
  return manner === "twice" ? [usage, usage] : [usage];
}

/** Text without end, as fast as it is taken. */
function flood(response: ServerResponse): void {
  const content = "x".repeat(4_000);
  const text = `data: ${JSON.stringify({ choices: [{ delta: { content } }] })}\n\n`;
  const more = () => {
    while (!response.destroyed && response.write(text));
  };
  response.on("drain", more);
  more();
}
