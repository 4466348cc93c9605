import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { limits } from "@cohort/proto/limits";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "./certificates.ts";
import { codeOf, secret, TestMesh, textOf } from "./mesh.ts";

let authority: Authority;
let server: Server;
let mesh: TestMesh;

function newMesh(redact: object, rest: object = {}): void {
  const { port } = server.address() as AddressInfo;
  const big = { timeout: 20_000, request: 10_000, response: 2 * limits.redactedBytesMax };
  const service = { redact, limits: big, ...rest } as never;
  mesh = new TestMesh({ port, ca: authority.ca, service });
}

const person = '{"id":7,"person":{"name":"Ada","email":"ada@plant.example"}}';

beforeAll(async () => {
  authority = await createAuthority();
});

beforeEach(async () => {
  const { certificate: cert, key } = await authority.issue({ dns: ["localhost"] });
  server = createServer({ cert, key }, (request, response) => {
    response.setHeader("x-request-id", "r-1");
    if (request.url === "/pieces") {
      response.write(person.slice(0, 30), () => response.end(person.slice(30)));
    } else if (request.url === "/big")
      response.end(Buffer.alloc(limits.redactedBytesMax + 1, 0x20));
    else if (request.url === "/text") response.end("ask ada@plant.example");
    else if (request.url === "/echo") response.end(JSON.stringify({ key: secret, rest: "x" }));
    else response.end(person);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  await mesh.egress.close();
  server.closeAllConnections();
  server.close();
  expect(mesh.faults).toEqual([]);
});

describe("an answer of a service that has something to take out", () => {
  it.each(["/whole", "/pieces"])("comes without it, from %s", async (path) => {
    newMesh({ json: ["/person/email"], headers: ["x-request-id"] });
    const reply = await mesh.get(path);
    expect(reply.problems).toEqual([]);
    expect(textOf(reply)).toBe('{"id":7,"person":{"name":"Ada","email":"[redacted]"}}');
    expect(reply.headers.map(({ name }) => name)).not.toContain("x-request-id");
  });

  it("comes without what a pattern matches, over the border of two pieces too", async () => {
    newMesh({ patterns: ["[a-z]+@[a-z.]+"] });
    expect(textOf(await mesh.get("/pieces"))).toBe(
      '{"id":7,"person":{"name":"Ada","email":"[redacted]"}}',
    );
    expect(textOf(await mesh.get("/text"))).toBe("ask [redacted]");
  });

  it("keeps its headers and body where only another header is taken out", async () => {
    newMesh({ headers: ["etag"] });
    const reply = await mesh.get("/whole");
    expect(textOf(reply)).toBe(person);
    expect(reply.headers).toContainEqual({ name: "x-request-id", value: "r-1" });
  });

  it.each([
    ["/text", { json: ["/a"] }],
    ["/big", { patterns: ["a"] }],
  ])("is refused and paid, as %s, where that cannot be found", async (path, redact) => {
    newMesh(redact);
    const reply = await mesh.get(path);
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    expect(textOf(reply)).toBe("");
    expect(mesh.writer.of("callSettled")[0]).toMatchObject({
      code: "UPSTREAM_INVALID",
      actualNanoUsd: 10,
    });
  });

  it("is refused where it carries the credential, redacted or not", async () => {
    newMesh({ json: ["/key"] });
    const reply = await mesh.get("/echo");
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    expect(JSON.stringify(reply) + textOf(reply)).not.toContain(secret);
  });
});
