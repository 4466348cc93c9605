import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { codeOf } from "./mesh.ts";
import { Stage } from "./stage.ts";

const stage = new Stage();
/** Another port of the same host, where whoever knocks is counted. */
let neighbour: Server;
let knocks: number;

beforeEach(async () => {
  knocks = 0;
  neighbour = createServer((socket) => {
    knocks += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(neighbour, "listening");
  stage.newMesh();
});

afterEach(() => {
  neighbour.close();
});

// Attacks 42 and 44: a service is one host and one port, and a request names neither.
describe("a request that would steer a call to another host or port", () => {
  const port = () => (neighbour.address() as AddressInfo).port;

  it.each([
    ["a port", () => `:${port()}/tickets`],
    ["another URL", () => `https://localhost:${port()}/tickets`],
    ["another host", () => `//localhost:${port()}/tickets`],
    ["another host behind a backslash", () => `/\\localhost:${port()}/tickets`],
    ["user and host", () => `@localhost:${port()}/tickets`],
    ["a suffix of the host", () => `.evil.example:${port()}/tickets`],
    ["a fragment", () => `/tickets#@localhost:${port()}`],
  ])("by %s is refused, and nobody is called", async (_what, path) => {
    expect(codeOf(await stage.mesh.get(path()))).toBe("USAGE");
    expect([knocks, stage.upstream.connections]).toEqual([0, 0]);
  });

  it.each([
    ["the path", () => ({ path: `/tickets/@localhost:${port()}` })],
    ["the query", () => ({ path: `/tickets?url=https://localhost:${port()}/` })],
    ["host headers", () => ({ headers: forged() })],
  ])("by %s reaches the service itself, which is its host", async (_what, change) => {
    const reply = await stage.mesh.fetch(change());
    expect(reply.problems).toEqual([]);
    expect(stage.upstream.requests[0]?.headers.host).toBe(`localhost:${stage.upstream.port}`);
    expect(knocks).toBe(0);
  });

  function forged() {
    const value = `localhost:${port()}`;
    const names = ["host", "x-forwarded-host", "forwarded", "x-original-url", "alt-svc"];
    return names.map((name) => ({ name, value }));
  }
});
