import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";
import type { Issued } from "./certificates.ts";

export interface Request {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A service that wants its key, does as the path says, and remembers what it was asked. */
export class Upstream {
  readonly requests: Request[] = [];
  connections = 0;
  readonly #server: Server;
  readonly #keyHeader: string;
  readonly #key: string;

  constructor({ certificate, key }: Issued, secret: string, keyHeader = "x-api-key") {
    this.#key = secret;
    this.#keyHeader = keyHeader;
    this.#server = createServer({ cert: certificate, key }, (request, response) => {
      void this.#answer(request, response);
    });
    this.#server.on("secureConnection", () => {
      this.connections += 1;
    });
    this.#server.on("tlsClientError", () => {});
  }

  async start(host = "127.0.0.1"): Promise<void> {
    this.#server.listen(0, host);
    await once(this.#server, "listening");
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, "close");
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = "", url = "", headers } = request;
    this.requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() });
    if (headers[this.#keyHeader] !== this.#key) return send(response, 401, "key wanted");
    const [, name = ""] = url.split(/[/?]/);
    const behave = behaviours[name];
    if (behave === undefined) return send(response, 404, "no such page");
    behave(response, this.#key, request);
  }
}

type Behaviour = (response: ServerResponse, key: string, request: IncomingMessage) => void;

const behaviours: Readonly<Record<string, Behaviour>> = {
  tickets: (response) => {
    const headers = { "content-type": "application/json", "set-cookie": "a=b", "x-inner": "1" };
    send(response, 201, '{"ticket":7}', headers);
  },
  echo: (response, key) => {
    send(response, 200, JSON.stringify(spellings(key)), { "x-request-id": `id-${key}` });
  },
  error: (response, key) => send(response, 500, `Bearer ${key} is not valid for /error`),
  redirect: (response, key, request) => {
    const status = Number(request.url?.split("/")[2]);
    const location = `https://127.0.0.1:1/?key=${encodeURIComponent(key)}`;
    send(response, status, "", { location });
  },
  slow: () => {},
  stall: (response) => {
    response.writeHead(200);
    response.write("some");
  },
  big: (response) => send(response, 200, "x".repeat(20_000)),
  endless: (response) => {
    const more = () => {
      while (response.writable && response.write("x".repeat(16_384)));
    };
    response.on("drain", more);
    more();
  },
  gzip: (response) => send(response, 200, gzipSync("plain"), { "content-encoding": "gzip" }),
  deflate: (response) =>
    send(response, 200, deflateSync("plain"), { "content-encoding": "deflate" }),
  br: (response) => send(response, 200, brotliCompressSync("plain"), { "content-encoding": "br" }),
  "gzip-echo": (response, key) =>
    send(response, 200, gzipSync(`key ${key}`), { "content-encoding": "gzip" }),
  bomb: (response) =>
    send(response, 200, gzipSync(Buffer.alloc(10_000_000)), { "content-encoding": "gzip" }),
  twice: (response) =>
    send(response, 200, gzipSync(gzipSync("x")), { "content-encoding": "gzip, gzip" }),
  zstd: (response) => send(response, 200, "x", { "content-encoding": "zstd" }),
  damaged: (response) => send(response, 200, "not gzip", { "content-encoding": "gzip" }),
  break: (response) => response.destroy(),
  "break-late": (response) => {
    response.writeHead(200, { "content-length": 100 });
    response.write("some", () => response.destroy());
  },
  malformed: (response) => response.socket?.end("HTTP/9.9 nonsense\r\n\r\n"),
  "two-lengths": (response) =>
    response.socket?.end(
      "HTTP/1.1 200 OK\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    ),
  "big-head": (response) => send(response, 200, "", { "x-request-id": "x".repeat(20_000) }),
  early: (response) => {
    response.writeEarlyHints({ link: "</a>; rel=preload" });
    send(response, 200, "after hints");
  },
};

function send(
  response: ServerResponse,
  status: number,
  body: string | Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, headers).end(body);
}

/** The key as a careless or hostile service may give it back. */
function spellings(key: string): string[] {
  const bytes = Buffer.from(key);
  return [
    key,
    encodeURIComponent(key),
    JSON.stringify(key),
    bytes.toString("hex"),
    bytes.toString("hex").toUpperCase(),
    ...["", "a", "ab"].map((before) => Buffer.from(before + key).toString("base64")),
    ...["", "a", "ab"].map((before) => Buffer.from(before + key).toString("base64url")),
    [...key].map((character) => `&#${character.charCodeAt(0)};`).join(""),
  ];
}
