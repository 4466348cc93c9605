import { concatenate } from "../bytes.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: Uint8Array;
}

/** What is the connection's own, and set here. RFC 9110, 7.6.1. */
const connectionHeaders: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "keep-alive",
  "proxy-authenticate",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** The bytes of an answer; a header that would break out of its line is left out. */
export function encodeAnswer(answer: HttpAnswer, method: string, keepAlive: boolean): Uint8Array {
  const bodiless = answer.status === 204 || answer.status === 304;
  const lines = [
    `HTTP/1.1 ${answer.status} ${answer.status < 400 ? "OK" : "Error"}`,
    ...answer.headers.filter(isPassable).map(({ name, value }) => `${name}: ${value}`),
    ...(bodiless ? [] : [`content-length: ${answer.body.length}`]),
    `connection: ${keepAlive ? "keep-alive" : "close"}`,
  ];
  const head = new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`);
  return bodiless || method === "HEAD" ? head : concatenate([head, answer.body]);
}

export function jsonAnswer(status: number, value: unknown): HttpAnswer {
  const body = new TextEncoder().encode(`${JSON.stringify(value)}\n`);
  return { status, headers: [{ name: "content-type", value: "application/json" }], body };
}

function isPassable({ name, value }: { readonly name: string; readonly value: string }): boolean {
  if (connectionHeaders.has(name.toLowerCase())) return false;
  return /^[A-Za-z0-9-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value);
}
