import { concatenate } from "../bytes.ts";
import type { Socket } from "../host.ts";

export interface HttpAnswer {
  readonly status: number;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly body: Uint8Array | AnswerStream;
}

/** A body that is yet to come, in pieces. */
export interface AnswerStream {
  /** The next piece, once the one before it has been passed on; null at the end. Rejects when it breaks off. */
  next(): Promise<Uint8Array | null>;
  /** Nobody wants the rest. */
  close(): void;
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

/**
 * Writes an answer. One that comes in pieces is sent in chunks (RFC 9112, 7.1), each as it comes; when it
 * breaks off, so does this, and the chunk that ends it is never sent: the client can tell.
 */
export async function writeAnswer(
  socket: Pick<Socket, "write">,
  answer: HttpAnswer,
  method: string,
  keepAlive: boolean,
): Promise<void> {
  const { body } = answer;
  if (body instanceof Uint8Array) {
    return await socket.write(encodeAnswer({ ...answer, body }, method, keepAlive));
  }
  try {
    const hasBody = method !== "HEAD" && !isBodiless(answer);
    await socket.write(
      encodeHead(answer, hasBody ? ["transfer-encoding: chunked"] : [], keepAlive),
    );
    for (let piece = await body.next(); piece !== null; piece = await body.next()) {
      if (hasBody && piece.length > 0) await socket.write(encodeChunk(piece));
    }
    if (hasBody) await socket.write(encodeText("0\r\n\r\n"));
  } finally {
    body.close();
  }
}

/** The bytes of an answer that is all there. */
export function encodeAnswer(
  answer: HttpAnswer & { readonly body: Uint8Array },
  method: string,
  keepAlive: boolean,
): Uint8Array {
  const bodiless = isBodiless(answer);
  const length = bodiless ? [] : [`content-length: ${answer.body.length}`];
  const head = encodeHead(answer, length, keepAlive);
  return bodiless || method === "HEAD" ? head : concatenate([head, answer.body]);
}

function isBodiless({ status }: HttpAnswer): boolean {
  return status === 204 || status === 304;
}

/** A header that would break out of its line is left out. */
function encodeHead(
  answer: HttpAnswer,
  framing: readonly string[],
  keepAlive: boolean,
): Uint8Array {
  const lines = [
    `HTTP/1.1 ${answer.status} ${answer.status < 400 ? "OK" : "Error"}`,
    ...answer.headers.filter(isPassable).map(({ name, value }) => `${name}: ${value}`),
    ...framing,
    `connection: ${keepAlive ? "keep-alive" : "close"}`,
  ];
  return encodeText(`${lines.join("\r\n")}\r\n\r\n`);
}

function encodeChunk(piece: Uint8Array): Uint8Array {
  return concatenate([encodeText(`${piece.length.toString(16)}\r\n`), piece, encodeText("\r\n")]);
}

function encodeText(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function jsonAnswer(
  status: number,
  value: unknown,
): HttpAnswer & { readonly body: Uint8Array } {
  const body = encodeText(`${JSON.stringify(value)}\n`);
  return { status, headers: [{ name: "content-type", value: "application/json" }], body };
}

function isPassable({ name, value }: { readonly name: string; readonly value: string }): boolean {
  if (connectionHeaders.has(name.toLowerCase())) return false;
  return /^[A-Za-z0-9-]+$/.test(name) && /^[\t\x20-\x7e]*$/.test(value);
}
