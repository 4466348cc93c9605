import { describe, expect, it } from "vitest";
import { socketPair } from "../../node/socket-pair.ts";
import { encodeAnswer, jsonAnswer } from "../../src/shim/http-answer.ts";
import { wholeBody } from "../../src/shim/http-body.ts";
import { type HttpHead, HttpRefusal, parseHead } from "../../src/shim/http-head.ts";
import { HttpReader } from "../../src/shim/http-reader.ts";

const encode = (text: string) => Uint8Array.from(text, (it) => it.charCodeAt(0));
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

async function read(...pieces: string[]) {
  const [client, server] = socketPair();
  for (const piece of pieces) await client.write(encode(piece));
  client.close();
  const reader = new HttpReader(server);
  const requests = [];
  for (let head = await reader.head(); head !== null; head = await reader.head()) {
    requests.push({ head, body: await wholeBody(reader.body(head), 1e6) });
  }
  return requests;
}

async function statusOf(text: string): Promise<number> {
  try {
    await read(text);
  } catch (error) {
    if (error instanceof HttpRefusal) return error.status;
    throw error;
  }
  return 0;
}

describe("a well-formed request", () => {
  it("is read with its path, headers and body, however it is cut into pieces", async () => {
    const text =
      "POST /llm/v1/x?y=1 HTTP/1.1\r\nHost: a\r\nX-One:  two \r\nContent-Length: 5\r\n\r\nhello";
    for (let at = 1; at < text.length; at++) {
      const [request] = await read(text.slice(0, at), text.slice(at));
      expect(request?.head.target).toBe("/llm/v1/x?y=1");
      expect(request?.head.headers.get("x-one")).toBe("two");
      expect(decode(request?.body as Uint8Array)).toBe("hello");
    }
  });

  it("may be followed by another on the same connection", async () => {
    const get = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const post =
      "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n";
    const requests = await read(get + post + get);
    expect(requests.map((it) => [it.head.target, decode(it.body)])).toEqual([
      ["/a", ""],
      ["/b", "abc0123456789"],
      ["/a", ""],
    ]);
  });

  it("is told to continue when it waits for that", async () => {
    const [client, server] = socketPair();
    await client.write(
      encode("POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"),
    );
    const reader = new HttpReader(server);
    const body = reader.head().then((head) => wholeBody(reader.body(head as HttpHead), 1e6));
    expect(decode((await client.read()) as Uint8Array)).toBe("HTTP/1.1 100 Continue\r\n\r\n");
    await client.write(encode("ok"));
    expect(decode(await body)).toBe("ok");
  });
});

describe("a hostile request", () => {
  const host = "Host: a\r\n";
  it.each([
    [
      "two lengths",
      400,
      `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    ],
    [
      "Content-Length twice",
      400,
      `POST / HTTP/1.1\r\n${host}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`,
    ],
    ["a list as Content-Length", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 3, 3\r\n\r\nabc`],
    ["a signed Content-Length", 400, `POST / HTTP/1.1\r\n${host}Content-Length: +3\r\n\r\nabc`],
    [
      "a hexadecimal Content-Length",
      400,
      `POST / HTTP/1.1\r\n${host}Content-Length: 0x3\r\n\r\nabc`,
    ],
    ["a negative Content-Length", 400, `POST / HTTP/1.1\r\n${host}Content-Length: -1\r\n\r\n`],
    ["Host twice", 400, "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
    ["no Host", 400, "GET / HTTP/1.1\r\nAccept: a\r\n\r\n"],
    ["a bare line feed", 400, "GET / HTTP/1.1\nHost: a\r\n\r\n"],
    ["a line feed in a header", 400, `GET / HTTP/1.1\r\n${host}A: b\nC: d\r\n\r\n`],
    ["a carriage return in a header", 400, `GET / HTTP/1.1\r\n${host}A: b\rC: d\r\n\r\n`],
    ["a folded header", 400, `GET / HTTP/1.1\r\n${host}A: b\r\n c\r\n\r\n`],
    [
      "a space before the colon",
      400,
      `GET / HTTP/1.1\r\n${host}Transfer-Encoding : chunked\r\n\r\n`,
    ],
    ["a NUL in a header", 400, `GET / HTTP/1.1\r\n${host}A: \0\r\n\r\n`],
    ["a header without a colon", 400, `GET / HTTP/1.1\r\n${host}nothing\r\n\r\n`],
    ["a header without a name", 400, `GET / HTTP/1.1\r\n${host}: x\r\n\r\n`],
    ["an absolute target", 400, `GET http://evil/ HTTP/1.1\r\n${host}\r\n`],
    ["an authority as target", 501, `CONNECT evil:443 HTTP/1.1\r\n${host}\r\n`],
    ["a backslash in the path", 400, `GET /\\evil HTTP/1.1\r\n${host}\r\n`],
    ["bytes beyond ASCII in the path", 400, `GET /\xff HTTP/1.1\r\n${host}\r\n`],
    ["two spaces in the request line", 400, `GET  / HTTP/1.1\r\n${host}\r\n`],
    ["HTTP/1.0", 505, `GET / HTTP/1.0\r\n${host}\r\n`],
    ["HTTP/2's preface", 505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
    ["another coding", 501, `POST / HTTP/1.1\r\n${host}Transfer-Encoding: gzip, chunked\r\n\r\n`],
    [
      "an unknown expectation",
      417,
      `POST / HTTP/1.1\r\n${host}Expect: more\r\nContent-Length: 1\r\n\r\na`,
    ],
    [
      "a chunk extension",
      400,
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n1;a=b\r\nx\r\n0\r\n\r\n`,
    ],
    [
      "a chunk longer than it says",
      400,
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n0\r\n\r\n`,
    ],
    [
      "a negative chunk",
      400,
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n`,
    ],
    [
      "a trailer",
      400,
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n0\r\nHost: b\r\n\r\n`,
    ],
    ["a huge Content-Length", 413, `POST / HTTP/1.1\r\n${host}Content-Length: 999999999\r\n\r\n`],
    [
      "a huge chunk",
      413,
      `POST / HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\nffffffff\r\n`,
    ],
    ["an endless head", 431, `GET / HTTP/1.1\r\n${host}A: ${"a".repeat(40_000)}`],
    [
      "too many headers",
      431,
      `GET / HTTP/1.1\r\n${Array.from({ length: 80 }, (_, i) => `A${i}: b\r\n`).join("")}\r\n`,
    ],
    ["a path without end", 414, `GET /${"a".repeat(9000)} HTTP/1.1\r\n${host}\r\n`],
    ["a body that ends early", 400, `POST / HTTP/1.1\r\n${host}Content-Length: 9\r\n\r\nabc`],
    ["a head that ends early", 400, "GET / HTTP/1.1\r\nHost: a\r\n"],
  ])("with %s is refused with %i", async (_title, status, text) => {
    expect(await statusOf(text)).toBe(status);
  });

  it("of any bytes is refused or read, and never breaks the reader", () => {
    for (let seed = 1; seed < 3000; seed++) {
      const bytes = Uint8Array.from(
        { length: 40 },
        (_, index) => (seed * 7919 + index * index * 104_729) % 256,
      );
      try {
        parseHead(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(HttpRefusal);
      }
    }
  });
});

describe("an answer", () => {
  it("has the length of its body, and none of its own connection headers", () => {
    const headers = [
      { name: "content-type", value: "text/plain" },
      { name: "transfer-encoding", value: "chunked" },
      { name: "content-length", value: "7" },
      { name: "x-bad", value: "a\r\nset-cookie: b" },
    ];
    const text = decode(encodeAnswer({ status: 200, headers, body: encode("four") }, "GET", true));
    expect(text).toBe(
      "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 4\r\nconnection: keep-alive\r\n\r\nfour",
    );
  });

  it("has no body to HEAD and with 204", () => {
    expect(decode(encodeAnswer(jsonAnswer(200, {}), "HEAD", false))).toMatch(
      /content-length: 3\r\n.*\r\n\r\n$/s,
    );
    expect(decode(encodeAnswer(jsonAnswer(204, {}), "GET", false))).not.toContain("content-length");
  });
});
