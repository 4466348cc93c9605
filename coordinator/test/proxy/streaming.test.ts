import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { limits } from "@cohort/proto/limits";
import { refuse } from "@cohort/proto/problem";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { type Authority, createAuthority } from "./certificates.ts";
import { codeOf, TestMesh, textOf } from "./mesh.ts";
import { TestChannel } from "./test-channel.ts";

const size = 16 * 1024 * 1024;
const piece = limits.proxyPieceBytesMax;

let authority: Authority;
let server: Server;
let mesh: TestMesh;
let channel: TestChannel;
/** What the service does. */
let serve: (request: IncomingMessage, response: ServerResponse) => unknown;
/** Connections that the service saw end in mid-answer or mid-request. */
let brokenOff = 0;

beforeAll(async () => {
  authority = await createAuthority();
});

beforeEach(async () => {
  const { certificate, key } = await authority.issue({ dns: ["localhost"] });
  brokenOff = 0;
  server = createServer({ cert: certificate, key }, (request, response) => {
    request.on("error", () => {});
    response.on("close", () => {
      if (!response.writableFinished) brokenOff += 1;
    });
    serve(request, response);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const budgets = [{ name: "all", limit: 1_000 }];
  const callLimits = { timeout: 20_000, request: 2 * size, response: 2 * size };
  mesh = new TestMesh({ port, ca: authority.ca, budgets, service: { limits: callLimits } });
  channel = new TestChannel();
});

afterEach(async () => {
  await mesh.egress.close();
  server.closeAllConnections();
  server.close();
  expect(mesh.faults).toEqual([]);
});

function begin(rest: Partial<ProxyRequest> = {}) {
  const request = mesh.request({ body: Buffer.alloc(0), more: true, ...rest });
  return { request, done: mesh.proxy.fromNode("board", request, channel) };
}

/** A call of whose answer some has reached the node, and no more will come. */
async function begunAnswer() {
  serve = (_request, response) => {
    response.writeHead(200);
    response.write("some");
  };
  const done = mesh.proxy.fromNode("board", mesh.request(), channel);
  await vi.waitFor(() => expect(textOf(channel.whole)).toBe("some"));
  return { done };
}

/** A call of whose body 100 bytes have reached the service, and no more will come. */
async function begunBody() {
  let received = 0;
  serve = (request) => request.on("data", (chunk: Buffer) => (received += chunk.length));
  const { request, done } = begin({ length: size });
  channel.put(...mesh.pieces(request, Buffer.alloc(100), Buffer.alloc(100)).slice(0, 1));
  await vi.waitFor(() => expect(received).toBe(100));
  return { done };
}

function settled() {
  const [only, ...others] = mesh.writer.of("callSettled");
  expect(others).toEqual([]);
  expect(mesh.sum("all")).toEqual({ posted: only?.actualNanoUsd, held: 0 });
  return only;
}

function answer(response: ServerResponse, value: unknown): void {
  response.end(JSON.stringify(value));
}

describe("a request's body of 16 MiB", () => {
  const body = randomBytes(size);
  const all = Array.from({ length: size / piece }, (_, at) =>
    body.subarray(at * piece, (at + 1) * piece),
  );

  /** Takes the body, and tells what it was. */
  async function digest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const hash = createHash("sha256");
    let length = 0;
    for await (const chunk of request) {
      hash.update(chunk as Buffer);
      length += (chunk as Buffer).length;
    }
    const { "content-length": stated, "transfer-encoding": coding } = request.headers;
    answer(response, { hash: hash.digest("hex"), length, stated, coding });
  }

  it.each([true, false])(
    "reaches the service whole, its length known before: %s",
    async (isKnown) => {
      serve = digest;
      const { request, done } = begin(isKnown ? { length: size } : {});
      channel.put(...mesh.pieces(request, ...all));
      await done;
      const told = JSON.parse(textOf(channel.whole));
      expect(told).toMatchObject({
        hash: createHash("sha256").update(body).digest("hex"),
        length: size,
      });
      expect(isKnown ? told.stated : told.coding).toBe(isKnown ? `${size}` : "chunked");
      const hash = createHash("sha256").update(body).digest();
      expect(settled()).toMatchObject({
        bytesOut: size,
        bodyHash: mesh.vault.keyedHash("call-body", hash),
      });
      expect(mesh.writer.of("callIntended")[0]?.bodyHash).toHaveLength(0);
    },
  );

  it("is asked for no faster than the service takes it", async () => {
    let resume = () => {};
    serve = (request, response) => {
      request.pause();
      resume = () => void digest(request, response);
    };
    const { request, done } = begin({ length: size });
    channel.put(...mesh.pieces(request, ...all));
    await vi.waitFor(() => expect(channel.granted).toBeGreaterThan(0));
    await new Promise((resolve) => setTimeout(resolve, 300));
    // What the two kernels take of it in between is all that can be ahead.
    expect(channel.granted).toBeLessThan(size);
    resume();
    await done;
    expect(channel.whole.status).toBe(200);
  });

  it("is not asked for when the call is refused", async () => {
    mesh.calling = null;
    const { done } = begin({ length: size });
    await done;
    expect(codeOf(channel.whole)).toBe("TOKEN_WRONG_STEP");
    expect(channel.granted).toBe(0);
  });

  // Attack 12, in the middle of a stream.
  it.each<[string, (pieces: ReturnType<TestMesh["pieces"]>) => typeof pieces]>([
    ["changed", ([a, b, ...rest]) => [a, { ...b, data: Buffer.alloc(piece) }, ...rest] as never],
    ["left out", ([a, , ...rest]) => [a, ...rest] as never],
    ["sent twice", ([a, ...rest]) => [a, a, ...rest] as never],
    ["out of order", ([a, b, c, ...rest]) => [a, c, b, ...rest] as never],
    ["said to be the last", ([a, b]) => [a, { ...b, last: true }] as never],
    ["of another call", () => mesh.pieces(mesh.request({ more: true }), ...all)],
  ])("ends with PROOF_INVALID at a piece that is %s, which never leaves", async (_, change) => {
    let received = 0;
    serve = (request) => request.on("data", (chunk: Buffer) => (received += chunk.length));
    const { request, done } = begin();
    channel.put(...change(mesh.pieces(request, ...all)));
    await done;
    expect(codeOf(channel.whole)).toBe("PROOF_INVALID");
    expect(received).toBeLessThanOrEqual(piece);
    expect(settled()).toMatchObject({ code: "PROOF_INVALID", actualNanoUsd: 10 });
  });

  it("that is longer than the service's limit is broken off there, and paid", async () => {
    serve = (request) => request.resume();
    mesh.service = {
      ...(mesh.service as NonNullable<typeof mesh.service>),
      limits: { timeout: 20_000, request: size / 2, response: size },
    };
    const { request, done } = begin();
    channel.put(...mesh.pieces(request, ...all));
    await done;
    expect(codeOf(channel.whole)).toBe("LIMIT_EXCEEDED");
    expect(settled()).toMatchObject({ code: "LIMIT_EXCEEDED", actualNanoUsd: 10 });
  });

  it.each([size - 1, size + piece])(
    "that is not the %i bytes that were said is broken off",
    async (length) => {
      serve = (request) => request.resume();
      const { request, done } = begin({ length });
      channel.put(...mesh.pieces(request, ...all));
      await done;
      expect(codeOf(channel.whole)).toBe("USAGE");
    },
  );

  it("is refused at once when its length is said to be above the limit", async () => {
    const { done } = begin({ length: 3 * size });
    await done;
    expect(codeOf(channel.whole)).toBe("LIMIT_EXCEEDED");
    expect(mesh.writer.of("callIntended")).toEqual([]);
  });

  it("may be answered before it has all come", async () => {
    serve = (_request, response) => response.writeHead(413).end("too much");
    const { request, done } = begin({ length: size });
    channel.put(...mesh.pieces(request, ...all).slice(0, 4));
    await done;
    expect(channel.whole).toMatchObject({ status: 413, problems: [] });
    expect(settled()).toMatchObject({ status: 413, actualNanoUsd: 10 });
  });
});

describe("an answer", () => {
  it("of 16 MiB comes whole, in pieces that fit a message", async () => {
    const body = randomBytes(size);
    serve = (_request, response) => response.end(body);
    await mesh.proxy.fromNode("board", mesh.request(), channel);
    expect(Buffer.compare(channel.whole.body, body)).toBe(0);
    expect(Math.max(...channel.replies.map((it) => it.body.length))).toBeLessThanOrEqual(piece);
    expect(settled()).toMatchObject({ bytesIn: size, code: "" });
  });

  it("is read no faster than the node takes it", async () => {
    let sent = 0;
    serve = (_request, response) => {
      const more = () => {
        while (sent < size) {
          sent += piece;
          if (!response.write(Buffer.alloc(piece))) return response.once("drain", more);
        }
        return response.end();
      };
      more();
    };
    let proceed = () => {};
    channel.onRoom = () => new Promise((resolve) => (proceed = resolve));
    const done = mesh.proxy.fromNode("board", mesh.request(), channel);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(sent).toBeLessThan(size);
    channel.onRoom = async () => {};
    proceed();
    await done;
    expect(channel.whole.body).toHaveLength(size);
  });

  it("that is short is one message, said once its outcome is durable", async () => {
    serve = (_request, response) => response.end("short");
    mesh.writer.onAppend = () => expect(channel.replies).toEqual([]);
    await mesh.proxy.fromNode("board", mesh.request(), channel);
    expect(channel.replies).toHaveLength(1);
    expect(channel.replies[0]).toMatchObject({ status: 200, last: true });
  });

  it("of events passes on each as it comes, and ends once its outcome is durable", async () => {
    let next = (_text: string) => {};
    let end = () => {};
    serve = (_request, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      response.flushHeaders();
      next = (text) => void response.write(`data: ${text}\n\n`);
      end = () => void response.end();
    };
    const done = mesh.proxy.fromNode("board", mesh.request(), channel);
    await vi.waitFor(() => expect(channel.whole.status).toBe(200));
    for (const text of ["one", "two", "three"]) {
      next(text);
      await vi.waitFor(() => expect(textOf(channel.whole)).toMatch(`data: ${text}\n\n`));
    }
    expect(channel.whole.last).toBe(false);
    mesh.writer.onAppend = () => expect(channel.whole.last).toBe(false);
    end();
    await done;
    expect(channel.whole.last).toBe(true);
    expect(mesh.writer.of("callSettled")).toHaveLength(1);
  });

  it("that breaks off ends with a problem, after what came of it", async () => {
    serve = (_request, response) => {
      response.writeHead(200, { "content-length": size });
      response.write("some", () => setTimeout(() => response.destroy(), 50));
    };
    await mesh.proxy.fromNode("board", mesh.request(), channel);
    expect(channel.replies[0]).toMatchObject({ status: 200, last: false });
    expect(textOf(channel.whole)).toBe("some");
    expect(channel.replies.at(-1)?.problems[0]?.code).toBe("UPSTREAM_UNREACHABLE");
    expect(settled()).toMatchObject({ status: 200, code: "UPSTREAM_UNREACHABLE", bytesIn: 4 });
  });

  // Attack 108: the words of a refusal reach the step, unless some of the answer has before.
  it("that carries the credential from its start is told as a problem alone", async () => {
    serve = (request, response) => response.end(`bad key ${request.headers["x-api-key"]}`);
    await mesh.proxy.fromNode("board", mesh.request(), channel);
    expect(channel.replies).toHaveLength(1);
    expect(channel.replies[0]).toMatchObject({ status: 0, headers: [], last: true });
    expect(codeOf(channel.whole)).toBe("UPSTREAM_INVALID");
    expect(textOf(channel.whole)).toBe("");
  });

  // Attack 106: neither the bytes nor the time of an endless answer are without end.
  it("without end is cut at the limit of the service, and paid", async () => {
    serve = (_request, response) => {
      const more = () => {
        while (response.writable && response.write(Buffer.alloc(piece)));
      };
      response.on("drain", more);
      more();
    };
    await mesh.proxy.fromNode("board", mesh.request(), channel);
    expect(codeOf(channel.whole)).toBe("UPSTREAM_INVALID");
    expect(channel.whole.body.length).toBeLessThanOrEqual(2 * size);
    await vi.waitFor(() => expect(brokenOff).toBe(1));
    expect(settled()).toMatchObject({ code: "UPSTREAM_INVALID", actualNanoUsd: 10 });
  });

  it("that trickles is cut when the time of the service is over, and paid", async () => {
    mesh.service = {
      ...(mesh.service as NonNullable<typeof mesh.service>),
      limits: { timeout: 400, request: size, response: size },
    };
    serve = (_request, response) => {
      const timer = setInterval(() => response.write("x"), 20);
      response.on("close", () => clearInterval(timer));
    };
    await mesh.proxy.fromNode("board", mesh.request(), channel);
    expect(codeOf(channel.whole)).toBe("UPSTREAM_TIMEOUT");
    expect(textOf(channel.whole)).toMatch(/^x+$/);
    expect(settled()).toMatchObject({ code: "UPSTREAM_TIMEOUT", actualNanoUsd: 10 });
  });
});

// Attacks 8 and 17: what a token opened is closed with the attempt that it was for.
describe("a call that is over for its mesh", () => {
  it.each([
    ["answer", begunAnswer, { revoked: true }],
    ["body", begunBody, { live: false }],
  ])("in the middle of its %s is ended at the service, paid, told", async (_, begun, changed) => {
    const { done } = await begun();
    mesh.proxy.breakOffEnded();
    expect(brokenOff).toBe(0);
    Object.assign(mesh, changed);
    mesh.proxy.breakOffEnded();
    await done;
    await vi.waitFor(() => expect(brokenOff).toBe(1));
    expect(channel.replies.at(-1)?.problems[0]).toMatchObject({ code: "CALL_CANCELLED" });
    expect(settled()).toMatchObject({ code: "CALL_CANCELLED", actualNanoUsd: 10 });
  });
});

// Attack 68: whoever hangs up has been charged all the same.
describe("a caller that hangs up", () => {
  const hungUp = refuse("CALL_CANCELLED", "the step hung up");

  it("in the middle of the answer ends the call at the service, which is paid", async () => {
    const { done } = await begunAnswer();
    channel.ending.abort(hungUp);
    await done;
    await vi.waitFor(() => expect(brokenOff).toBe(1));
    expect(settled()).toMatchObject({ status: 200, code: "CALL_CANCELLED", actualNanoUsd: 10 });
  });

  it("before the service answers ends the call there, which is paid", async () => {
    let asked = false;
    serve = () => {
      asked = true;
    };
    const done = mesh.proxy.fromNode("board", mesh.request(), channel);
    await vi.waitFor(() => expect(asked).toBe(true));
    channel.ending.abort(hungUp);
    await done;
    await vi.waitFor(() => expect(brokenOff).toBe(1));
    expect(settled()).toMatchObject({ status: 0, code: "CALL_CANCELLED", actualNanoUsd: 10 });
  });

  it("in the middle of its own body ends the call, which is paid", async () => {
    const { done } = await begunBody();
    channel.ending.abort(hungUp);
    await done;
    await vi.waitFor(() => expect(brokenOff).toBe(1));
    expect(settled()).toMatchObject({ code: "CALL_CANCELLED", bytesOut: 100, actualNanoUsd: 10 });
  });

  it("before anything has left pays nothing", async () => {
    channel.ending.abort(hungUp);
    await mesh.proxy.fromNode("board", mesh.request(), channel);
    expect(settled()).toMatchObject({ code: "CALL_CANCELLED", actualNanoUsd: 0 });
  });

  it("while the outcome can't be written leaves the hold as it is", async () => {
    const { done } = await begunAnswer();
    mesh.writer.failing = true;
    channel.ending.abort(hungUp);
    await done;
    expect(mesh.writer.durable.map(({ $case }) => $case)).toEqual(["callIntended"]);
  });
});
