import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { Issued } from "../certificates.ts";

/** A token server and, beside it, a service that accepts its latest token alone. */
export class TokenServer {
  /** Forms that were posted to /token, with the `authorization` beside. */
  readonly asked: { readonly form: Record<string, string>; readonly authorization: string }[] = [];
  calls = 0;
  /** Answers of the token server, in turn; when there is none left, a token. */
  readonly answers: { status: number; body: string }[] = [];
  lifetimeSeconds: number | undefined = 3600;
  /** Holds answers to /token back until it resolves. */
  gate: Promise<void> = Promise.resolve();
  readonly #server: Server;

  constructor({ certificate, key }: Issued) {
    this.#server = createServer({ cert: certificate, key }, (request, response) => {
      void this.#answer(request, response);
    });
  }

  async start(): Promise<void> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The token that is good now. */
  get token(): string {
    return `at-${this.asked.length}-9f8e7d6c5b4a`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { authorization = "" } = request.headers;
    if (request.url === "/oauth/token") {
      const form = Object.fromEntries(new URLSearchParams(Buffer.concat(chunks).toString()));
      this.asked.push({ form, authorization });
      const { token, lifetimeSeconds } = this;
      await this.gate;
      const grant = { access_token: token, token_type: "Bearer", expires_in: lifetimeSeconds };
      const { status, body } = this.answers.shift() ?? { status: 200, body: JSON.stringify(grant) };
      response.writeHead(status, { "content-type": "application/json" }).end(body);
      return;
    }
    this.calls += 1;
    const known = authorization === `Bearer ${this.token}`;
    const said = request.url === "/echo" ? `you sent ${authorization}` : "done";
    response.writeHead(known ? 200 : 401).end(known ? said : "");
  }
}
