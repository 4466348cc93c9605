import { createServer, type IncomingMessage, type RequestListener, type Server } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { SubmitWebhookReply, SubmitWebhookRequest } from "@cohort/proto/gen/cohort/console";
import { limits as shared } from "@cohort/proto/limits";
import { CohortError, refuse } from "@cohort/proto/problem";
import type { Logger } from "pino";
import { limits } from "../limits.ts";
import type { Tally } from "../tally.ts";
import { type Answer, answerOf, refusalOf } from "./answers.ts";

export interface WebhooksAddress {
  readonly host: string;
  readonly port: number;
  /** PEM; null for plain HTTP, behind a proxy of the site that ends TLS. */
  readonly tls: { readonly certificate: string; readonly key: string } | null;
}

export interface Webhooks {
  readonly url: string;
  /** Replaces the paths at which requests are taken; until the first call none is. */
  setPaths(paths: readonly string[]): void;
  close(): Promise<void>;
}

/**
 * Takes signed requests of other systems and hands them to the coordinator, which alone has the keys
 * to tell who signed them. The sender hears what became of its request: what could not be handed over is
 * answered 503, and is the sender's to repeat.
 */
export async function startWebhooks(
  { host, port, tls }: WebhooksAddress,
  parts: {
    readonly log: Logger;
    readonly tally: Tally;
    readonly submit: (request: SubmitWebhookRequest) => Promise<SubmitWebhookReply>;
  },
): Promise<Webhooks> {
  let paths: ReadonlySet<string> | null = null;
  let underWay = 0;
  const answerTo = async (request: IncomingMessage): Promise<Answer> => {
    const { pathname: path } = new URL(request.url ?? "/", "http://gateway");
    if (paths === null) return refusalOf(503, "UNREACHABLE", "the coordinator is away");
    if (!paths.has(path)) return refusalOf(404, "USAGE", "no workflow has this path");
    if (request.method !== "POST") return refusalOf(405, "USAGE", "a webhook takes POST");
    if (underWay >= limits.webhooksUnderWayMax) return refusalOf(503, "LIMIT_EXCEEDED", "busy");
    underWay += 1;
    try {
      const body = await bodyOf(request);
      return answerOf(await parts.submit({ path, body, ...signatureOf(request) }));
    } catch (error) {
      if (!(error instanceof CohortError)) throw error;
      const { problems } = error;
      parts.tally.note(`webhook ${path} ${error.code}`, (times) =>
        parts.log.warn({ path, times, problems }, "a request to a webhook was refused"),
      );
      return answerOf(error);
    } finally {
      underWay -= 1;
    }
  };
  const server = newServer(tls, (request, response) => {
    answerTo(request).then(
      ({ status, body }) => {
        // What is left of a refused body is not waited for.
        if (!request.complete) response.setHeader("connection", "close");
        response.writeHead(status, { "content-type": "application/json" }).end(body);
      },
      (error: unknown) => {
        parts.log.warn({ error: String(error) }, "a request to a webhook broke off");
        response.destroy();
      },
    );
  });
  await listening(server, host, port);
  const bound = server.address() as AddressInfo;
  const authority = bound.family === "IPv6" ? `[${bound.address}]` : bound.address;
  return {
    url: `${tls === null ? "http" : "https"}://${authority}:${bound.port}`,
    setPaths(wanted) {
      paths = new Set(wanted);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
        setTimeout(() => server.closeAllConnections(), limits.drainMs).unref();
      }),
  };
}

/** Whoever is slow with its head or its body is cut off; so is whoever holds a connection for nothing. */
const serverLimits = {
  maxHeaderSize: limits.webhookHeaderBytesMax,
  headersTimeout: limits.webhookHeadMs,
  requestTimeout: limits.webhookRequestMs,
  keepAliveTimeout: limits.webhookHeadMs,
  connectionsCheckingInterval: limits.webhookCheckMs,
  insecureHTTPParser: false,
} as const;

function newServer(tls: WebhooksAddress["tls"], listener: RequestListener): Server {
  const server =
    tls === null
      ? createServer(serverLimits, listener)
      : createTlsServer({ ...serverLimits, cert: tls.certificate, key: tls.key }, listener);
  server.maxConnections = limits.webhookConnectionsMax;
  return server;
}

/** Throws SETUP_FAILED. */
function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (cause) => {
      const message = `webhooks cannot listen on ${host}:${port}: ${cause.message}`;
      reject(refuse("SETUP_FAILED", message, { hint: "Give --webhooks another port." }, cause));
    });
    server.listen(port, host, resolve);
  });
}

/** Throws LIMIT_EXCEEDED as soon as there is too much of it. */
async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > shared.eventBytesMax) {
      const message = `the body is larger than ${shared.eventBytesMax} bytes`;
      throw refuse("LIMIT_EXCEEDED", message, { hint: "Send a reference to the data." });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function signatureOf({ headers }: IncomingMessage): Omit<SubmitWebhookRequest, "path" | "body"> {
  const header = (name: string) => [headers[name] ?? ""].flat().join(", ");
  return {
    id: header("webhook-id"),
    timestamp: header("webhook-timestamp"),
    signature: header("webhook-signature"),
    hubSignature: header("x-hub-signature-256"),
  };
}
