import { concatenate } from "../bytes.ts";
import type { Socket } from "../host.ts";
import type { ScriptHost } from "./script-host.ts";

export interface ServiceRequest {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Anything but text and bytes is sent as JSON. */
  readonly body?: unknown;
}

export interface ServiceResponse {
  readonly status: number;
  /** Status 200 to 299. */
  readonly ok: boolean;
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  text(): Promise<string>;
  json(): Promise<unknown>;
}

/** A fetch for granted services only: `service:/path`. There is no other network. */
export function fetchService(
  host: ScriptHost,
): (address: string, request?: ServiceRequest) => Promise<ServiceResponse> {
  return async (address, request = {}) => {
    const match = /^([a-z0-9-]+):(\/(?!\/)[\x21-\x7e]*)$/.exec(address);
    if (match === null) throw new TypeError(`"${address}" is not of the form service:/path`);
    const port = Number(/:(\d+)$/.exec(host.environment("COHORT_PROXY") ?? "")?.[1] ?? 0);
    if (port === 0) throw new Error("the step has no grants for services");
    const socket = await host.connect(port);
    try {
      await socket.write(encodeRequest(`/${match[1]}${match[2]}`, request));
      return decodeResponse(await readAll(socket));
    } finally {
      socket.close();
    }
  };
}

function encodeRequest(target: string, request: ServiceRequest): Uint8Array {
  const { type, bytes } = encodeBody(request.body);
  const method = (request.method ?? (request.body === undefined ? "GET" : "POST")).toUpperCase();
  const headers = new Map(type === "" ? [] : [["content-type", type]]);
  for (const [name, value] of Object.entries(request.headers ?? {})) {
    if (!/^[A-Za-z0-9-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
      throw new TypeError(`the header "${name}" is malformed`);
    }
    headers.set(name.toLowerCase(), value);
  }
  headers.set("host", "127.0.0.1");
  headers.set("content-length", String(bytes.length));
  headers.set("connection", "close");
  const lines = [...headers].map(([name, value]) => `${name}: ${value}\r\n`).join("");
  const head = new TextEncoder().encode(`${method} ${target} HTTP/1.1\r\n${lines}\r\n`);
  return concatenate([head, bytes]);
}

function encodeBody(body: unknown): { type: string; bytes: Uint8Array } {
  if (body === undefined || body === null) return { type: "", bytes: new Uint8Array(0) };
  if (body instanceof Uint8Array) return { type: "application/octet-stream", bytes: body };
  const encoder = new TextEncoder();
  if (typeof body === "string") return { type: "text/plain", bytes: encoder.encode(body) };
  return { type: "application/json", bytes: encoder.encode(JSON.stringify(body)) };
}

async function readAll(socket: Socket): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  for (let bytes = await socket.read(); bytes !== null; bytes = await socket.read()) {
    pieces.push(bytes);
  }
  return concatenate(pieces);
}

/** The agent closes after one answer, so the body is all that follows the head. */
function decodeResponse(bytes: Uint8Array): ServiceResponse {
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
  const text = new TextDecoder().decode(bytes.subarray(end + 4));
  return {
    status,
    ok: status >= 200 && status < 300,
    headers,
    text: async () => text,
    json: async () => JSON.parse(text) as unknown,
  };
}

function headEnd(bytes: Uint8Array): number {
  for (let at = 0; at + 3 < bytes.length; at++) {
    if (bytes[at] === 13 && bytes[at + 1] === 10 && bytes[at + 2] === 13 && bytes[at + 3] === 10)
      return at;
  }
  throw new Error("the service's answer was cut off");
}
