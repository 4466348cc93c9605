import { describe, expect, it } from "vitest";
import type { Check } from "../../src/doctor/check.ts";
import { doctor, formatChecks } from "../../src/doctor/doctor.ts";
import type { Host, SandboxProbe } from "../../src/host.ts";
import { HostError } from "../../src/host.ts";
import { createIdentity, saveIdentity } from "../../src/identity.ts";
import { serveStatus } from "../../src/service/status.ts";
import { MemoryDisk } from "../kit/memory-files.ts";
import { testHost } from "../kit/node.ts";

const nowMs = Date.UTC(2026, 5, 1);

const jwt = (claims: object) => `x.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.x`;
const lasting = jwt({ iat: nowMs / 1000 - 3600, exp: nowMs / 1000 + 3600 });

interface Machine {
  readonly userJwt?: string;
  readonly joined?: boolean;
  readonly probe?: SandboxProbe;
  readonly change?: (disk: MemoryDisk) => void;
  readonly host?: Partial<Host>;
}

async function examine(machine: Machine = {}): Promise<Record<string, Check>> {
  const disk = new MemoryDisk();
  const base = await testHost(async () => {}, disk);
  const probe = machine.probe ?? { level: "strict", features: [] };
  const host: Host = {
    ...base,
    info: { ...base.info, user: 0 },
    now: () => nowMs,
    sandbox: { ...base.sandbox, probe: () => probe },
    connectTls: async () => ({
      peerRoot: "",
      read: async () => null,
      write: async () => {},
      close() {},
    }),
    ...machine.host,
  };
  disk.folders.add("/data");
  disk.modes.set("/data", 0o700);
  const enrolment = {
    node: "press-07",
    userJwt: machine.userJwt ?? lasting,
    rootCa: "pem",
    coordinatorKey: new Uint8Array(32),
    servers: ["mesh.example:4222"],
  };
  if (machine.joined !== false) saveIdentity(host, "/data", { ...createIdentity(host), enrolment });
  machine.change?.(disk);
  const checks = await doctor(host, "/data");
  return Object.fromEntries(checks.map((check) => [check.name.split(" ")[0] as string, check]));
}

const refusing = (code: string, message: string) => async () => {
  throw new HostError(code, message);
};

describe("the agent's doctor", () => {
  it("finds a sound machine sound, and says that no agent runs", async () => {
    const checks = await examine();
    const states = Object.values(checks).map(({ name, state }) => [name.split(" ")[0], state]);
    expect(Object.fromEntries(states)).toEqual({
      isolation: "ok",
      sandbox: "ok",
      data: "ok",
      disk: "ok",
      enrolment: "ok",
      clock: "ok",
      credential: "ok",
      server: "ok",
      agent: "note",
    });
  });

  it("tells a machine that has not joined to join, and asks no server", async () => {
    const checks = await examine({ joined: false });
    expect(checks["enrolment"]).toMatchObject({ state: "failed" });
    expect(checks["enrolment"]?.remedy).toContain("cohort node invite");
    expect(checks["server"]).toBeUndefined();
  });

  it.each([
    [
      "others may read the keys",
      (disk: MemoryDisk) => disk.modes.set("/data/identity.json", 0o644),
    ],
    ["others may write to the folder", (disk: MemoryDisk) => disk.modes.set("/data", 0o777)],
  ])("fails the data folder when %s", async (_, change) => {
    const { data } = await examine({ change });
    expect(data).toMatchObject({ state: "failed", remedy: expect.stringContaining("chmod") });
  });

  it("says that an identity is damaged", async () => {
    const damage = (disk: MemoryDisk) =>
      void disk.contents.set("/data/identity.json", new TextEncoder().encode("{"));
    expect((await examine({ change: damage }))["enrolment"]).toMatchObject({ state: "failed" });
  });

  it.each([
    ["EHOSTUNREACH", "looking up mesh.example: unknown", "resolv.conf"],
    ["EHOSTUNREACH", "connecting to mesh.example:4222: no route", "network"],
    ["ECONNREFUSED", "connecting", "Nothing listens"],
    ["TIMEOUT", "took too long", "firewalls"],
    ["TLS_HANDSHAKE", "no TLS", "speaks no TLS"],
    ["TLS_VERIFY", "not yet valid", "clock"],
  ])("names the layer that fails on the way to a server: %s %s", async (code, message, remedy) => {
    const { server } = await examine({ host: { connectTls: refusing(code, message) } });
    expect(server).toMatchObject({ state: "failed", detail: message });
    expect(server?.remedy).toContain(remedy);
  });

  it("fails a clock that is before what the node was given since", async () => {
    expect((await examine({ host: { now: () => 0 } }))["clock"]).toMatchObject({ state: "failed" });
    const early = { host: { now: () => nowMs - 2 * 3_600_000 } };
    expect((await examine(early))["clock"]).toMatchObject({ state: "failed" });
  });

  it("fails a credential that is over", async () => {
    const { credential } = await examine({ userJwt: jwt({ iat: 1, exp: nowMs / 1000 - 1 }) });
    expect(credential).toMatchObject({
      state: "failed",
      remedy: expect.stringContaining("invite"),
    });
  });

  it("fails a disk without room for the journal", async () => {
    const disk = new MemoryDisk();
    const files = Object.assign(disk, { space: () => ({ sizeBytes: 1e9, freeBytes: 1e6 }) });
    disk.folders.add("/data");
    const check = (await examine({ host: { files }, joined: false }))["disk"];
    expect(check).toMatchObject({ state: "failed", detail: "1 MB free" });
  });

  it("notes what keeps the isolation from being strict, and fails what keeps it from being", async () => {
    const features = [{ name: "cgroup", available: false, reason: "controller memory is missing" }];
    const standard = await examine({ probe: { level: "standard", features } });
    expect(standard["isolation"]).toMatchObject({
      state: "note",
      remedy: expect.stringContaining("Delegate=yes"),
    });
    const missing = [{ name: "namespaces", available: false, reason: "ENOSPC" }];
    const refused = await examine({ probe: { level: "refused", features: missing } });
    expect(refused["isolation"]).toMatchObject({ state: "failed" });
    expect(refused["sandbox"]).toMatchObject({ state: "failed" });
  });

  it("says which of the ways it is that namespaces are switched off", async () => {
    const features = [{ name: "namespaces", available: false, reason: "" }];
    const probe = { level: "refused", features } as const;
    const setting = (name: string, value: string) => (disk: MemoryDisk) =>
      void disk.contents.set(`/proc/sys/${name}`, new TextEncoder().encode(`${value}\n`));
    const none = await examine({ probe, change: setting("user/max_user_namespaces", "0") });
    expect(none["isolation"]?.remedy).toContain("user.max_user_namespaces=");
    const root = await examine({ probe, change: setting("kernel/unprivileged_userns_clone", "0") });
    expect(root["isolation"]?.remedy).toContain("CONFIG_USER_NS");
  });

  it("fails a sandbox that a probe thought possible and a try does not", async () => {
    const base = await testHost(async () => {});
    const start = () => {
      throw new HostError("EPERM", "making the namespaces: not permitted");
    };
    const { sandbox } = await examine({ host: { sandbox: { ...base.sandbox, start } } });
    expect(sandbox).toMatchObject({
      state: "failed",
      detail: expect.stringContaining("not permitted"),
    });
  });

  it("asks the agent that runs", async () => {
    const base = await testHost(async () => {});
    const stop = new AbortController();
    const connection = { server: "mesh.example:4222", forMs: 1 };
    const status = {
      node: "n",
      version: "1",
      process: 12,
      uptimeMs: 1,
      isolation: "strict",
      slots: 1,
    };
    const ledger = { size: 0, takenMs: 0, dispute: "", settled: 0 };
    const all = { ...status, connection, trouble: "", running: [], ledger, unsent: false };
    const served = serveStatus(base, "/data", () => all, stop.signal);
    const { agent } = await examine({ host: { local: base.local } });
    expect(agent).toMatchObject({ state: "ok", detail: expect.stringContaining("process 12") });
    stop.abort();
    await served;
  });

  it("reads as a line a check, with the remedy below it", () => {
    expect(
      formatChecks([
        { name: "disk", state: "ok", detail: "9 MB free", remedy: "" },
        { name: "clock", state: "failed", detail: "1970", remedy: "Set it." },
      ]),
    ).toBe("ok      disk: 9 MB free\nFAILED  clock: 1970\n          Set it.\n");
  });
});
