import { exchange } from "./exchange.ts";
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
    const proxy = host.environment("COHORT_PROXY");
    if (proxy === undefined) throw new Error("the step has no grants for services");
    const { type, bytes: body } = encodeBody(request.body);
    const method = (request.method ?? (request.body === undefined ? "GET" : "POST")).toUpperCase();
    const headers = new Map(type === "" ? [] : [["content-type", type]]);
    for (const [name, value] of Object.entries(request.headers ?? {})) {
      if (!/^[A-Za-z0-9-]+$/.test(name) || !/^[\t\x20-\x7e]*$/.test(value)) {
        throw new TypeError(`the header "${name}" is malformed`);
      }
      headers.set(name.toLowerCase(), value);
    }
    const target = `/${match[1]}${match[2]}`;
    const answer = await exchange(host, proxy, { method, target, headers, body });
    const { status, text } = answer;
    return {
      status,
      ok: status >= 200 && status < 300,
      headers: answer.headers,
      text: async () => text,
      json: async () => JSON.parse(text) as unknown,
    };
  };
}

function encodeBody(body: unknown): { type: string; bytes: Uint8Array } {
  if (body === undefined || body === null) return { type: "", bytes: new Uint8Array(0) };
  if (body instanceof Uint8Array) return { type: "application/octet-stream", bytes: body };
  const encoder = new TextEncoder();
  if (typeof body === "string") return { type: "text/plain", bytes: encoder.encode(body) };
  return { type: "application/json", bytes: encoder.encode(JSON.stringify(body)) };
}
