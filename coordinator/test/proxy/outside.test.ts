import { lookup } from "node:dns/promises";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { type Authority, createAuthority } from "./certificates.ts";
import { codeOf, secret, TestMesh, textOf } from "./mesh.ts";
import { Stage } from "./stage.ts";
import { Upstream } from "./upstream.ts";

const stage = new Stage({ budgets: [{ name: "all", limit: 1_000 }] });

/** What the ledger says of the one call that was made. */
function settled() {
  const all = stage.mesh.writer.of("callSettled");
  expect(all).toHaveLength(1);
  expect(stage.mesh.sum("all")).toEqual({ posted: all[0]?.actualNanoUsd, held: 0 });
  return all[0];
}

describe("an answer", () => {
  // Attacks 38 and 39.
  it.each([301, 302, 303, 307, 308])(
    "with status %i is passed on and not followed",
    async (status) => {
      stage.newMesh();
      const reply = await stage.mesh.get(`/redirect/${status}`);
      expect(reply.problems).toEqual([]);
      expect(reply.status).toBe(status);
      expect(reply.headers.map(({ name }) => name)).not.toContain("location");
      expect(stage.upstream.requests).toHaveLength(1);
    },
  );

  it.each(["/gzip", "/deflate", "/br"])(
    "that came compressed from %s is passed on plain",
    async (path) => {
      stage.newMesh();
      expect(textOf(await stage.mesh.get(path))).toBe("plain");
    },
  );

  // Attack 106 among others.
  it.each([
    "/bomb",
    "/twice",
    "/zstd",
    "/damaged",
    "/big",
    "/endless",
    "/malformed",
    "/two-lengths",
    "/big-head",
  ])("from %s is refused, and paid", async (path) => {
    stage.newMesh();
    const reply = await stage.mesh.get(path);
    expect(codeOf(reply)).toBe("UPSTREAM_INVALID");
    expect(reply.body).toHaveLength(0);
    expect(settled()).toMatchObject({ code: "UPSTREAM_INVALID", actualNanoUsd: 10 });
  });

  it("to HEAD has a status and headers alone", async () => {
    stage.newMesh();
    expect(await stage.mesh.fetch({ method: "HEAD", body: Buffer.alloc(0) })).toMatchObject({
      problems: [],
      status: 201,
      body: Buffer.alloc(0),
    });
  });

  it("is the last one when interim ones came before", async () => {
    stage.newMesh();
    const reply = await stage.mesh.get("/early");
    expect([reply.status, textOf(reply)]).toEqual([200, "after hints"]);
  });
});

describe("a service that fails", () => {
  const short = { limits: { timeout: 300, request: 10_000, response: 10_000 } };

  it.each(["/slow", "/stall"])(
    "in time, as %s, is given up, and paid since it may bill",
    async (path) => {
      stage.newMesh({ service: short });
      expect(codeOf(await stage.mesh.get(path))).toBe("UPSTREAM_TIMEOUT");
      expect(settled()).toMatchObject({ code: "UPSTREAM_TIMEOUT", actualNanoUsd: 10 });
    },
  );

  it.each(["/break", "/break-late"])(
    "in mid-call, as %s, is paid since it may bill",
    async (path) => {
      stage.newMesh();
      expect(codeOf(await stage.mesh.get(path))).toBe("UPSTREAM_UNREACHABLE");
      expect(settled()).toMatchObject({ code: "UPSTREAM_UNREACHABLE", actualNanoUsd: 10 });
      expect(stage.upstream.requests).toHaveLength(1);
    },
  );

  it("to listen costs nothing", async () => {
    stage.newMesh();
    await stage.upstream.stop();
    expect(codeOf(await stage.mesh.fetch())).toBe("UPSTREAM_UNREACHABLE");
    expect(settled()).toMatchObject({ status: 0, actualNanoUsd: 0, bytesOut: 0 });
    await stage.upstream.start();
  });

  it("to shake hands in time costs nothing, and is sent nothing later", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const heard: Buffer[] = [];
    silent.on("connection", (socket) =>
      socket.on("error", () => {}).on("data", (it) => heard.push(it)),
    );
    stage.newMesh({ service: { ...short, base_url: `https://localhost:${port}` } });
    expect(codeOf(await stage.mesh.fetch())).toBe("UPSTREAM_TIMEOUT");
    expect(settled()).toMatchObject({ code: "UPSTREAM_TIMEOUT", actualNanoUsd: 0, bytesOut: 0 });
    await stage.mesh.egress.close();
    silent.close();
    expect(Buffer.concat(heard).includes("/tickets")).toBe(false);
  });

  it("to resolve in time costs nothing", async () => {
    stage.newMesh({ service: short, resolve: () => new Promise(() => {}) });
    expect(codeOf(await stage.mesh.fetch())).toBe("UPSTREAM_TIMEOUT");
    expect(settled()).toMatchObject({ actualNanoUsd: 0 });
  });

  it("to be found costs nothing, and the resolver's words stay here", async () => {
    stage.newMesh({
      resolve: async () => {
        throw new Error("getaddrinfo ENOTFOUND inside.example");
      },
    });
    const reply = await stage.mesh.fetch();
    expect(codeOf(reply)).toBe("UPSTREAM_UNREACHABLE");
    expect(JSON.stringify(reply)).not.toContain("inside.example");
    expect(settled()).toMatchObject({ actualNanoUsd: 0 });
  });

  it("on its first address is tried on its next", async () => {
    stage.newMesh({
      service: { addresses: ["127.0.0.0/8"] },
      resolve: async () => ["127.0.0.2", "127.0.0.1"],
    });
    expect((await stage.mesh.fetch()).status).toBe(201);
    expect(stage.upstream.requests).toHaveLength(1);
  });
});

describe("a certificate", () => {
  async function restartWith(issuer: Authority, names: { dns?: string[]; ip?: string[] }) {
    await stage.upstream.stop();
    stage.upstream = new Upstream(await issuer.issue(names), secret);
    await stage.upstream.start();
  }

  async function expectRefused() {
    const reply = await stage.mesh.fetch();
    expect(codeOf(reply)).toBe("UPSTREAM_UNREACHABLE");
    expect(stage.upstream.requests).toHaveLength(0);
    expect(settled()).toMatchObject({ actualNanoUsd: 0 });
  }

  it("of another authority is refused before the key is sent", async () => {
    await restartWith(await createAuthority(), { dns: ["localhost"] });
    stage.newMesh();
    await expectRefused();
  });

  it("of a private authority is refused where the service pins none", async () => {
    stage.mesh = new TestMesh({
      port: stage.upstream.port,
      budgets: [{ name: "all", limit: 1_000 }],
    });
    await expectRefused();
  });

  it("for another name, or for the address alone, is refused before the key is sent", async () => {
    await restartWith(stage.authority, { dns: ["other.example"], ip: ["127.0.0.1"] });
    stage.newMesh();
    await expectRefused();
  });

  it("is not waved through because the environment says so", async () => {
    await restartWith(await createAuthority(), { dns: ["localhost"] });
    process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0";
    try {
      stage.newMesh();
      await expectRefused();
    } finally {
      delete process.env["NODE_TLS_REJECT_UNAUTHORIZED"];
    }
  });

  it("of an address is checked against the address where the service is one", async () => {
    await restartWith(stage.authority, { ip: ["127.0.0.1"] });
    stage.newMesh({ service: { base_url: `https://127.0.0.1:${stage.upstream.port}` } });
    expect((await stage.mesh.fetch()).status).toBe(201);
  });
});

describe("an address", () => {
  async function expectDenied() {
    expect(codeOf(await stage.mesh.fetch())).toBe("EGRESS_DENIED");
    expect(stage.upstream.connections).toBe(0);
    expect(settled()).toMatchObject({ code: "EGRESS_DENIED", actualNanoUsd: 0 });
  }

  it("that is not public is not dialled without a grant", async () => {
    stage.newMesh({ service: { addresses: [] } });
    await expectDenied();
  });

  it("that is bad spoils the good ones beside it", async () => {
    stage.newMesh({ resolve: async () => ["127.0.0.1", "169.254.169.254"] });
    await expectDenied();
  });

  it("of this machine is not dialled without a grant", async () => {
    stage.newMesh({ resolve: async () => ["203.0.114.7"], ownAddresses: ["203.0.114.7"] });
    await expectDenied();
  });

  it.each(["https://127.0.0.1", "https://2130706433", "https://0x7f.1", "https://localhost."])(
    "written as %s is not dialled",
    async (base) => {
      stage.newMesh({ service: { base_url: `${base}:${stage.upstream.port}`, addresses: [] } });
      await expectDenied();
    },
  );

  // Attack 35: the second answer is judged like the first, and no kept connection hides it.
  it("that a name comes to mean later is judged anew", async () => {
    const answers = [["127.0.0.1"], ["10.0.0.1"], ["127.0.0.1"]];
    stage.newMesh({ resolve: async () => answers.shift() ?? [] });
    expect((await stage.mesh.fetch()).status).toBe(201);
    expect(codeOf(await stage.mesh.fetch())).toBe("EGRESS_DENIED");
    expect((await stage.mesh.fetch()).status).toBe(201);
    expect(stage.upstream.connections).toBe(1);
  });

  it("is asked for once a call, and the one that was judged is the one dialled", async () => {
    let asked = 0;
    stage.newMesh({
      resolve: async (host) => {
        asked += 1;
        expect(host).toBe("localhost");
        return (await lookup("127.0.0.1", { all: true })).map(({ address }) => address);
      },
    });
    expect((await stage.mesh.fetch()).status).toBe(201);
    expect(asked).toBe(1);
  });

  // Attack 48.
  it("is dialled directly whatever proxies the environment names", async () => {
    const names = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "HTTP_PROXY"];
    for (const name of names) process.env[name] = "http://127.0.0.1:1";
    try {
      stage.newMesh();
      expect((await stage.mesh.fetch()).status).toBe(201);
    } finally {
      for (const name of names) delete process.env[name];
    }
  });

  it("below a base path gets the path of the call behind it", async () => {
    stage.newMesh({
      service: { base_url: `https://localhost:${stage.upstream.port}/tickets/v1/` },
    });
    await stage.mesh.fetch({ path: "/a?b=c" });
    expect(stage.upstream.requests[0]?.url).toBe("/tickets/v1/a?b=c");
  });
});
