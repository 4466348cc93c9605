import { once } from "node:events";
import { mkdirSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { SourceFile } from "@cohort/proto/gen/cohort/console";
import { certificates } from "../../deploy/examples/maintenance/certificates.ts";
import type { TestMesh } from "./mesh.ts";

export interface DeskRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A service over TLS that wants the mesh's API key, and remembers everything that reached it. */
export class Desk {
  readonly requests: DeskRequest[] = [];

  private constructor(
    readonly ca: string,
    readonly apiKey: string,
    readonly server: Server,
  ) {}

  /** Serves, has its key in the mesh's vault and its service, named "desk", applied. */
  static async start(mesh: TestMesh): Promise<Desk> {
    const folder = join(mesh.home, "own-desk");
    mkdirSync(folder);
    const { ca, certificate, key } = await certificates(folder, Date.now());
    const desk = new Desk(ca, mesh.apiKey, createServer({ cert: certificate, key }));
    desk.server.on("request", (request, response) => void desk.#answer(request, response));
    desk.server.listen(0, "127.0.0.1");
    await once(desk.server, "listening");
    const { secrets } = mesh.client;
    const value = Buffer.from(mesh.apiKey);
    await mesh.client.call(secrets, secrets.set, { path: "desk/api-key", value, services: [] });
    await mesh.apply(desk.resources());
    return desk;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  /** The service, at 0.01 USD a call. */
  resources(): SourceFile[] {
    const { port } = this.server.address() as AddressInfo;
    const text = `kind: service
name: desk
base_url: https://localhost:${port}
ca_file: desk-ca.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: { type: header, header: x-api-key, secret: desk/api-key }
allow:
  - { methods: [GET, POST], path: /tickets }
  - { methods: [GET], path: /echo }
pricing: { per_call: 0.01 USD }
`;
    return [
      { path: "desk.yaml", text },
      { path: "desk-ca.pem", text: this.ca },
    ];
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    this.requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    if (headers["x-api-key"] !== this.apiKey) return void response.writeHead(401).end("key wanted");
    if (url === "/echo") return this.#echo(response);
    response.writeHead(method === "POST" ? 201 : 200, { "content-type": "application/json" });
    response.end('{"ok":true}');
  }

  /** A hostile answer: an error that tells the key in every spelling it can think of. */
  #echo(response: ServerResponse): void {
    const key = Buffer.from(this.apiKey);
    const spellings = ["utf8", "base64", "base64url", "hex"].map((it) =>
      key.toString(it as BufferEncoding),
    );
    const text = `bad key ${spellings.join(" ")} ${key.toString("hex").toUpperCase()}`;
    response.writeHead(500, { "content-type": "text/plain", "x-key": this.apiKey });
    response.end(text);
  }
}
