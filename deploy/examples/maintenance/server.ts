import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { Certificates } from "./certificates.ts";
import type { Tickets } from "./tickets.ts";

const apiKeyHeader = "x-api-key";
const bodyBytesMax = 64 * 1024;
const headersTimeoutMs = 10_000;

export interface MaintenanceOptions {
  readonly certificates: Certificates;
  /** SHA-256 of the API key, hex, asked for at each request so that a new key counts at once. */
  readonly keyHash: () => string;
  readonly tickets: Tickets;
  readonly now: () => number;
}

/**
 * A maintenance desk as a factory might run one: `POST /tickets` opens a ticket, `GET /tickets` lists
 * them. It answers 401 to whoever does not send its API key, of which it knows only the hash.
 */
export function maintenanceServer(options: MaintenanceOptions): Server {
  const { certificate, key } = options.certificates;
  const server = createServer({ cert: certificate, key, headersTimeout: headersTimeoutMs });
  server.on("request", (request, response) => {
    answer(options, request)
      .catch(() => ({ status: 500, body: { error: "the desk failed" } }))
      .then((reply) => send(response, reply));
  });
  return server;
}

interface Reply {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

async function answer(options: MaintenanceOptions, request: IncomingMessage): Promise<Reply> {
  if (!isKey(request.headers[apiKeyHeader], options.keyHash())) {
    return { status: 401, body: { error: `${apiKeyHeader} is missing or wrong` } };
  }
  if (request.url !== "/tickets") return { status: 404, body: { error: "no such page" } };
  switch (request.method) {
    case "GET":
      return { status: 200, body: { tickets: options.tickets.list() } };
    case "POST":
      return open(options, request);
    default:
      return { status: 405, body: { error: "GET or POST" }, headers: { allow: "GET, POST" } };
  }
}

async function open(options: MaintenanceOptions, request: IncomingMessage): Promise<Reply> {
  const text = await readBody(request);
  if (text === null) return { status: 413, body: { error: `more than ${bodyBytesMax} bytes` } };
  const report = parseReport(text);
  if (report === null) {
    return { status: 400, body: { error: "the body must be a JSON object with a title" } };
  }
  const key = request.headers["idempotency-key"];
  const filed = options.tickets.file(report, typeof key === "string" ? key : null, options.now());
  if (filed.outcome === "conflict") {
    return { status: 422, body: { error: "the idempotency key was used for another report" } };
  }
  const { id, openedMs } = filed.ticket;
  return {
    status: 201,
    body: { id, opened_ms: openedMs },
    headers: { location: `/tickets/${id}` },
  };
}

/** Compared as hashes of one length, so that time tells nothing. */
function isKey(given: string | string[] | undefined, keyHash: string): boolean {
  if (typeof given !== "string" || keyHash === "") return false;
  const expected = Buffer.from(keyHash, "hex");
  const actual = createHash("sha256").update(given).digest();
  return expected.length === actual.length && timingSafeEqual(expected, actual);
}

/** Null when it is larger than allowed; the rest is read and dropped, so that the answer arrives. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size <= bodyBytesMax) chunks.push(chunk);
  }
  return size > bodyBytesMax ? null : Buffer.concat(chunks).toString("utf8");
}

function parseReport(text: string): object | null {
  try {
    const value = JSON.parse(text) as unknown;
    if (value === null || typeof value !== "object") return null;
    return "title" in value && typeof value.title === "string" && value.title !== "" ? value : null;
  } catch {
    return null;
  }
}

function send(response: ServerResponse, { status, body, headers }: Reply): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}
