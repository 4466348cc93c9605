import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "../certificates.ts";
import { codeOf, TestMesh, textOf } from "../mesh.ts";

const secret = "k-9f8e7d6c5b4a3210";
let authority: Authority;
let server: Server;
let urls: string[];
let mesh: TestMesh;

function newMesh(auth: object, service: object = {}): void {
  const { port } = server.address() as AddressInfo;
  mesh = new TestMesh({ port, ca: authority.ca, service: { auth, ...service } as never });
  mesh.vault.value = secret;
}

const query = { type: "query", parameter: "appid", secret: "desk/key" };

beforeAll(async () => {
  authority = await createAuthority();
});

beforeEach(async () => {
  const { certificate: cert, key } = await authority.issue({ dns: ["localhost"] });
  urls = [];
  server = createServer({ cert, key }, (request, response) => {
    const { url = "" } = request;
    urls.push(url);
    if (url.startsWith("/break")) return request.socket.destroy();
    if (url.includes("/redirect"))
      response.writeHead(302, { location: `https://evil.example${url}` });
    response.end(url.includes("/echo") ? `not found: ${url}` : "done");
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
});

afterEach(async () => {
  await mesh.egress.close();
  server.closeAllConnections();
  server.close();
  expect(mesh.faults).toEqual([]);
});

// Attack 111.
describe("a credential in the URL", () => {
  it.each([
    ["query", query, `/weather?q=x&appid=${secret}`],
    ["path", { type: "path", prefix: "bot", secret: "desk/key" }, `/bot${secret}/weather?q=x`],
  ])("of kind %s reaches the service, and no entry of the ledger", async (_kind, auth, url) => {
    newMesh(auth);
    expect(textOf(await mesh.get("/weather?q=x"))).toBe("done");
    expect(urls).toEqual([url]);
    expect(mesh.writer.of("callIntended")[0]?.path).toBe("/weather?q=x");
    expect(JSON.stringify(mesh.writer.durable)).not.toContain(secret);
  });

  it("ends an answer that repeats the URL", async () => {
    newMesh(query);
    const reply = await mesh.get("/echo?q=x");
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    expect(textOf(reply)).toBe("");
  });

  // Attacks 38 and 39.
  it("is not shown by a redirect, nor taken to where that leads", async () => {
    newMesh(query);
    const reply = await mesh.get("/redirect");
    expect(reply.status).toBe(302);
    expect(JSON.stringify(reply)).not.toContain(secret);
    expect(urls).toHaveLength(1);
  });

  it.each(["/break", "/weather"])("is in no error of %s", async (path) => {
    newMesh(query, path === "/break" ? {} : { base_url: "https://localhost:1" });
    const reply = await mesh.get(path);
    expect(codeOf(reply)).toBe("UPSTREAM_UNREACHABLE");
    expect(JSON.stringify([reply, mesh.writer.durable])).not.toContain(secret);
  });

  it.each([
    "appid=mine",
    "q=x&appid=mine",
    "APPID=mine",
    "app%69d=mine",
    "q=x;appid=mine",
    "appid",
  ])("is not given a second time by ?%s", async (given) => {
    newMesh(query);
    expect(codeOf(await mesh.get(`/weather?${given}`))).toBe("USAGE");
    expect(urls).toEqual([]);
  });
});

describe("a rule's query", () => {
  const rule = { methods: ["GET"], path: "/weather", query: ["q", "match[]"] };

  it.each(["", "?", "?q=x", "?q", "?q=appid", "?match[]=a&match[]=b".replace(/[[\]]/g, encode)])(
    "allows /weather%s",
    async (given) => {
      newMesh(query, { allow: [rule] });
      expect((await mesh.get(`/weather${given}`)).status).toBe(200);
    },
  );

  it.each(["?units=c", "?q=x&units=c", "?q=a&q=b", "?Q=x", "?q=x;units=c", "?units%20=c"])(
    "refuses /weather%s",
    async (given) => {
      newMesh(query, { allow: [rule] });
      expect(codeOf(await mesh.get(`/weather${given}`))).toBe("GRANT_MISSING");
      expect(urls).toEqual([]);
    },
  );

  it("does not hold for another rule that allows the path", async () => {
    newMesh(query, { allow: [rule, { methods: ["GET"], path: "/*" }] });
    expect((await mesh.get("/weather?units=c")).status).toBe(200);
  });

  it.each(["?%ff=x", "?%c0%af=x"])("is malformed as %s", async (given) => {
    newMesh(query);
    expect(codeOf(await mesh.get(`/weather${given}`))).toBe("USAGE");
  });
});

function encode(text: string): string {
  return encodeURIComponent(text);
}
