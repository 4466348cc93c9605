import { once } from "node:events";
import { type AddressInfo, createServer, type Server } from "node:net";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "./certificates.ts";
import { codeOf, secret, TestMesh } from "./mesh.ts";
import { Upstream } from "./upstream.ts";

let authority: Authority;
let upstream: Upstream;
/** Another port of the same host, where whoever knocks is counted. */
let neighbour: Server;
let knocks: number;
let mesh: TestMesh;

beforeAll(async () => {
  authority = await createAuthority();
});

beforeEach(async () => {
  upstream = new Upstream(await authority.issue({ dns: ["localhost"] }), secret);
  await upstream.start();
  knocks = 0;
  neighbour = createServer((socket) => {
    knocks += 1;
    socket.destroy();
  }).listen(0, "127.0.0.1");
  await once(neighbour, "listening");
  mesh = new TestMesh({ port: upstream.port, ca: authority.ca });
});

afterEach(async () => {
  await mesh.egress.close();
  await upstream.stop();
  neighbour.close();
  expect(mesh.faults).toEqual([]);
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
    expect(codeOf(await mesh.get(path()))).toBe("USAGE");
    expect([knocks, upstream.connections]).toEqual([0, 0]);
  });

  it.each([
    ["the path", () => ({ path: `/tickets/@localhost:${port()}` })],
    ["the query", () => ({ path: `/tickets?url=https://localhost:${port()}/` })],
    ["host headers", () => ({ headers: forged() })],
  ])("by %s reaches the service itself, which is its host", async (_what, change) => {
    const reply = await mesh.fetch(change());
    expect(reply.problems).toEqual([]);
    expect(upstream.requests[0]?.headers.host).toBe(`localhost:${upstream.port}`);
    expect(knocks).toBe(0);
  });

  function forged() {
    const value = `localhost:${port()}`;
    const names = ["host", "x-forwarded-host", "forwarded", "x-original-url", "alt-svc"];
    return names.map((name) => ({ name, value }));
  }
});
