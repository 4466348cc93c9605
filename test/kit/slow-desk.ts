import { randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { certificates } from "../../deploy/examples/maintenance/certificates.ts";

export interface SlowTicket {
  readonly idempotencyKey: string;
  readonly report: unknown;
}

/**
 * A TLS upstream with an authority of its own that files a ticket at once and answers late, so that
 * a test can end the caller in between. The same idempotency key is the same ticket.
 */
export class SlowDesk {
  readonly apiKey = randomBytes(32).toString("base64url");
  readonly tickets: SlowTicket[] = [];
  /** Every request that carried the key, repetitions too. */
  requests = 0;
  /** From filing to the answer. */
  delayMs = 600;
  readonly #server: Server;

  private constructor(
    readonly ca: string,
    server: Server,
  ) {
    this.#server = server;
  }

  static async start(folder: string): Promise<SlowDesk> {
    const { ca, certificate, key } = await certificates(folder, Date.now());
    const server = createServer({ cert: certificate, key });
    const desk = new SlowDesk(ca, server);
    server.on("request", (request, response) => {
      desk.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return desk;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The resource `desk`, for `cohort apply`, with `desk.pem` beside it. */
  get files(): { path: string; text: string }[] {
    const service = `
kind: service
name: desk
base_url: https://localhost:${this.port}
ca_file: desk.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: { type: header, header: x-api-key, secret: desk/api-key }
allow: [{ methods: [POST], path: /tickets }]
pricing: { per_call: 0.002 USD }
`;
    return [
      { path: "desk.yaml", text: service },
      { path: "desk.pem", text: this.ca },
    ];
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const idempotencyKey = request.headers["idempotency-key"];
    if (request.headers["x-api-key"] !== this.apiKey || typeof idempotencyKey !== "string") {
      response.writeHead(401).end();
      return;
    }
    this.requests++;
    const number = this.#file(idempotencyKey, JSON.parse(Buffer.concat(chunks).toString()));
    await new Promise((resolve) => setTimeout(resolve, this.delayMs));
    response.writeHead(201, { "content-type": "application/json" });
    response.end(JSON.stringify({ number }));
  }

  #file(idempotencyKey: string, report: unknown): number {
    const before = this.tickets.findIndex((it) => it.idempotencyKey === idempotencyKey);
    return before >= 0 ? before : this.tickets.push({ idempotencyKey, report }) - 1;
  }
}
