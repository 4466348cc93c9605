import type { IncomingMessage, ServerResponse } from "node:http";
import type { SourceFile } from "@cohort/proto/gen/cohort/console";
import type { TestMesh } from "./mesh.ts";
import { startTlsService, type TlsService } from "./tls-service.ts";

export interface DeskRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
  /** By which connections are told apart. */
  readonly port: number;
}

/** A service over TLS that wants the mesh's API key, and remembers everything that reached it. */
export class Desk {
  readonly requests: DeskRequest[] = [];

  #service!: TlsService;
  #held: {
    readonly reached: () => void;
    readonly cut: () => void;
    readonly answer: Promise<void>;
  } | null = null;

  private constructor(readonly apiKey: string) {}

  /** Serves, has its key in the mesh's vault and its service, named "desk", applied. */
  static async start(mesh: TestMesh): Promise<Desk> {
    const desk = new Desk(mesh.apiKey);
    desk.#service = await startTlsService(
      mesh,
      "own-desk",
      ["desk/api-key"],
      (request, response) => {
        void desk.#answer(request, response);
      },
    );
    await mesh.apply(desk.resources());
    return desk;
  }

  stop(): Promise<void> {
    return this.#service.stop();
  }

  /** Leaves the next call without an answer until it is given; it is there, and at last it is over. */
  hold(): {
    readonly reached: Promise<void>;
    readonly cut: Promise<void>;
    readonly answer: () => void;
  } {
    const [arrival, end, answer] = [deferred(), deferred(), deferred()];
    this.#held = { reached: arrival.resolve, cut: end.resolve, answer: answer.promise };
    return { reached: arrival.promise, cut: end.promise, answer: answer.resolve };
  }

  /** The service, at 0.01 USD a call. */
  resources(name = "desk"): SourceFile[] {
    const { ca, port } = this.#service;
    const text = `kind: service
name: ${name}
base_url: https://localhost:${port}
ca_file: desk-ca.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: { type: header, header: x-api-key, secret: ${name}/api-key }
allow:
  - { methods: [GET, POST], path: /tickets }
  - { methods: [GET], path: /echo }
pricing: { per_call: 0.01 USD }
`;
    return [
      { path: `${name}.yaml`, text },
      { path: "desk-ca.pem", text: ca },
    ];
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    const port = request.socket.remotePort ?? 0;
    this.requests.push({ method, url, headers, body: Buffer.concat(chunks).toString(), port });
    if (headers["x-api-key"] !== this.apiKey) return void response.writeHead(401).end("key wanted");
    if (this.#held !== null) {
      const { reached, cut, answer } = this.#held;
      this.#held = null;
      response.once("close", cut);
      reached();
      await answer;
    }
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

function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
