import { concatenate } from "../bytes.ts";
import type { Socket } from "../host.ts";
import type { ScriptHost } from "./script-host.ts";

export interface Exchange {
  readonly method: string;
  /** Origin form: begins with "/". */
  readonly target: string;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Uint8Array;
}

export interface Answer {
  readonly status: number;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly text: string;
}

/** One request to the agent, on the step's own loopback; `address` as the environment gives it. */
export async function exchange(
  host: ScriptHost,
  address: string | undefined,
  request: Exchange,
): Promise<Answer> {
  const port = Number(/^http:\/\/127\.0\.0\.1:(\d+)/.exec(address ?? "")?.[1] ?? 0);
  const socket = await host.connect(port);
  try {
    await socket.write(encodeRequest(request));
    return decodeAnswer(await readAll(socket));
  } finally {
    socket.close();
  }
}

function encodeRequest({ method, target, headers, body }: Exchange): Uint8Array {
  const all = new Map(headers);
  all.set("host", "127.0.0.1");
  all.set("content-length", String(body.length));
  all.set("connection", "close");
  const lines = [...all].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = new TextEncoder().encode(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`);
  return concatenate([head, body]);
}

async function readAll(socket: Socket): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    pieces.push(bytes);
  }
  return concatenate(pieces);
}

/** The agent closes after one answer, so the body is all that follows the head. */
function decodeAnswer(bytes: Uint8Array): Answer {
  const end = headEnd(bytes);
  const [statusLine, ...lines] = new TextDecoder().decode(bytes.subarray(0, end)).split("\r\n");
  const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(statusLine ?? "")?.[1] ?? 0);
  if (status === 0) throw new Error("the service's answer was cut off");
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
    }),
  );
  const text = new TextDecoder().decode(decodeBody(bytes.subarray(end + 4), headers));
  return { status, headers, text };
}

/** An answer that broke off is not taken for a whole one. */
function decodeBody(bytes: Uint8Array, headers: Answer["headers"]): Uint8Array {
  if (headers["transfer-encoding"] !== "chunked") {
    const length = Number(headers["content-length"] ?? bytes.length);
    if (bytes.length < length) throw new Error("the service's answer was cut off");
    return bytes;
  }
  const pieces: Uint8Array[] = [];
  for (let at = 0; ; ) {
    const line = indexOfLineEnd(bytes, at);
    const length = Number.parseInt(new TextDecoder().decode(bytes.subarray(at, line)), 16);
    if (length === 0) return concatenate(pieces);
    if (line < 0 || !(line + 2 + length + 2 <= bytes.length)) {
      throw new Error("the service's answer was cut off");
    }
    pieces.push(bytes.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
}

function indexOfLineEnd(bytes: Uint8Array, from: number): number {
  for (let at = from; at + 1 < bytes.length; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10) return at;
  }
  return -1;
}

function headEnd(bytes: Uint8Array): number {
  for (let at = 0; at + 3 < bytes.length; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10)
      return at;
  }
  throw new Error("the service's answer was cut off");
}
