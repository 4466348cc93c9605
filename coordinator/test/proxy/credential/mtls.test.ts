import { once } from "node:events";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import type { TLSSocket } from "node:tls";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Authority, createAuthority, type Issued } from "../certificates.ts";
import { codeOf, TestMesh, textOf } from "../mesh.ts";

let authority: Authority;
let clients: Authority;
let client: Issued;
let server: Server;
let mesh: TestMesh;
let seen: string[];

function pem({ certificate, key }: Issued): string {
  return `${certificate}\n${key}\n`;
}

beforeAll(async () => {
  [authority, clients] = await Promise.all([createAuthority(), createAuthority()]);
  client = await clients.issue({ dns: ["line-1.example"] });
});

beforeEach(async () => {
  const { certificate: cert, key } = await authority.issue({ dns: ["localhost"] });
  seen = [];
  const options = { cert, key, ca: clients.ca, requestCert: true, rejectUnauthorized: true };
  server = createServer(options, (request, response) => {
    const { subjectaltname = "" } = (request.socket as TLSSocket).getPeerCertificate();
    seen.push(subjectaltname);
    response.end("welcome");
  }).listen(0, "127.0.0.1");
  server.on("tlsClientError", () => {});
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const auth = { type: "mtls", secret: "desk/certificate" } as const;
  mesh = new TestMesh({ port, ca: authority.ca, service: { auth } });
});

afterEach(async () => {
  await mesh.egress.close();
  server.closeAllConnections();
  server.close();
  expect(mesh.faults).toEqual([]);
});

describe("a client certificate", () => {
  it.each([["certificate first"], ["key first"]])("opens the connection, %s", async (order) => {
    const { certificate, key } = client;
    const parts = [certificate, key];
    mesh.vault.value = (order === "key first" ? parts.reverse() : parts).join("\n");
    expect(textOf(await mesh.get("/tickets"))).toBe("welcome");
    expect(textOf(await mesh.get("/tickets"))).toBe("welcome");
    expect(seen).toEqual(["DNS:line-1.example", "DNS:line-1.example"]);
  });

  it("is followed by another one on connections of its own", async () => {
    mesh.vault.value = pem(client);
    await mesh.get("/tickets");
    const other = await clients.issue({ dns: ["line-2.example"] });
    mesh.vault.value = pem(other);
    await mesh.get("/tickets");
    expect(seen).toEqual(["DNS:line-1.example", "DNS:line-2.example"]);
  });

  it("of another authority is refused by the service", async () => {
    const stranger = await authority.issue({ dns: ["line-1.example"] });
    mesh.vault.value = pem(stranger);
    expect(codeOf(await mesh.get("/tickets"))).toBe("UPSTREAM_UNREACHABLE");
    expect(seen).toEqual([]);
  });

  it("is what the service demands", async () => {
    mesh.service = { ...(mesh.service as object), auth: { type: "none" } } as never;
    expect(codeOf(await mesh.get("/tickets"))).toBe("UPSTREAM_UNREACHABLE");
    expect(seen).toEqual([]);
  });

  it("is refused before anything leaves when it is none, or not the key's", async () => {
    const other = await clients.issue({ dns: ["line-2.example"] });
    for (const value of [
      "",
      "nonsense",
      client.certificate,
      client.key,
      pem({ ...client, key: other.key }),
    ]) {
      mesh.vault.value = value;
      const reply = await mesh.get("/tickets");
      expect(codeOf(reply)).toBe("SECRET_UNAVAILABLE");
      expect(JSON.stringify(reply)).not.toContain("PRIVATE KEY");
    }
    expect(seen).toEqual([]);
  });
});
