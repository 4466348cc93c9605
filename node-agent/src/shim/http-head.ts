import { limits } from "@cohort/proto/limits";

/** The head of a request, after every check. */
export interface HttpHead {
  readonly method: string;
  /** Origin form: begins with "/". */
  readonly target: string;
  /** Names in lower case; each once. */
  readonly headers: ReadonlyMap<string, string>;
  /** Length of the body in bytes, or that it comes in chunks. */
  readonly body: number | "chunked";
  readonly keepAlive: boolean;
  readonly expectsContinue: boolean;
}

/** A request that is not answered but refused; the connection ends with it. */
export class HttpRefusal extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

const methods: ReadonlySet<string> = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]);
const namePattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
const valuePattern = /^[\t\x20-\x7e]*$/;

/**
 * Parses the bytes before the empty line. Stricter than RFC 9112 wherever two readers could
 * disagree about where a message ends: one line ending, no folded lines, no header twice, no
 * body of two lengths. Throws HttpRefusal.
 */
export function parseHead(bytes: Uint8Array): HttpHead {
  const [requestLine, ...headerLines] = toText(bytes).split("\r\n");
  const { method, target } = parseRequestLine(requestLine as string);
  const headers = parseHeaders(headerLines);
  if ((headers.get("host") ?? "") === "") throw new HttpRefusal(400, "the Host header is missing");
  return {
    method,
    target,
    headers,
    body: bodyLength(headers),
    keepAlive: headers.get("connection")?.toLowerCase() !== "close",
    expectsContinue: expectsContinue(headers),
  };
}

function toText(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}

function parseRequestLine(line: string): { method: string; target: string } {
  const match = /^([A-Z]{1,16}) (\S+) HTTP\/(\d)\.(\d)$/.exec(line);
  if (match === null) throw new HttpRefusal(400, "the request line is malformed");
  const [, method, target, major, minor] = match as unknown as [
    string,
    string,
    string,
    string,
    string,
  ];
  if (`${major}.${minor}` !== "1.1") throw new HttpRefusal(505, "only HTTP/1.1 is spoken here");
  if (!methods.has(method)) throw new HttpRefusal(501, "the method is not supported");
  if (target.length > limits.proxyPathBytesMax) throw new HttpRefusal(414, "the path is too long");
  if (!/^\/[\x21-\x7e]*$/.test(target) || /[#\\]/.test(target)) {
    throw new HttpRefusal(400, "the path is malformed");
  }
  return { method, target };
}

function parseHeaders(lines: readonly string[]): Map<string, string> {
  if (lines.length > limits.proxyHeadersMax) throw new HttpRefusal(431, "too many headers");
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(0, colon));
    const value = line.slice(colon + 1);
    if (!namePattern.test(name) || !valuePattern.test(value)) {
      throw new HttpRefusal(400, "a header is malformed");
    }
    const key = name.toLowerCase();
    if (headers.has(key)) throw new HttpRefusal(400, `the header ${key} stands twice`);
    headers.set(key, value.trim());
  }
  return headers;
}

function bodyLength(headers: ReadonlyMap<string, string>): number | "chunked" {
  const length = headers.get("content-length");
  const coding = headers.get("transfer-encoding");
  if (coding !== undefined) {
    if (length !== undefined) throw new HttpRefusal(400, "the body has two lengths");
    if (coding.toLowerCase() !== "chunked") throw new HttpRefusal(501, "unknown transfer encoding");
    return "chunked";
  }
  if (length === undefined) return 0;
  if (!/^\d{1,15}$/.test(length)) throw new HttpRefusal(400, "Content-Length is malformed");
  if (Number(length) > limits.proxyBodyBytesMax)
    throw new HttpRefusal(413, "the body is too large");
  return Number(length);
}

function expectsContinue(headers: ReadonlyMap<string, string>): boolean {
  const expectation = headers.get("expect")?.toLowerCase();
  if (expectation === undefined) return false;
  if (expectation !== "100-continue") throw new HttpRefusal(417, "unknown expectation");
  return true;
}
