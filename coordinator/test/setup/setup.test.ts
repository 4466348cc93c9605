import { X509Certificate } from "node:crypto";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Retention } from "../../src/history/retention.ts";
import { hashToken } from "../../src/setup/contexts.ts";
import { type InitialiseOptions, initialise, openSetup } from "../../src/setup/setup.ts";
import { memoryVault } from "./memory-vault.ts";

const nowMs = Date.UTC(2026, 0, 1);
const yearMs = 365 * 24 * 60 * 60_000;

let home: string;
let vault: ReturnType<typeof memoryVault>;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "cohort-setup-"));
  vault = memoryVault();
});

afterEach(() => rmSync(home, { recursive: true }));

function run(options: Partial<InitialiseOptions> = {}) {
  return initialise({
    dataDir: join(home, "data"),
    natsPort: 7422,
    consolePort: 7443,
    hosts: ["cohort.example", "192.0.2.7", "2001:db8::7"],
    vault,
    operatorContext: join(home, "operator.json"),
    approverContext: join(home, "approver.json"),
    gatewayContext: join(home, "gateway.json"),
    nowMs,
    ...options,
  });
}

function files(): Map<string, string> {
  const names = readdirSync(home, { recursive: true, encoding: "utf8" }).sort();
  const regular = names.filter((name) => statSync(join(home, name)).isFile());
  return new Map(regular.map((name) => [name, readFileSync(join(home, name), "utf8")]));
}

function readJson(name: string) {
  return JSON.parse(readFileSync(join(home, name), "utf8"));
}

describe("set-up", () => {
  it("changes nothing when it is run again", async () => {
    const first = await run();
    const before = files();
    const second = await run({ nowMs: nowMs + yearMs });
    expect(files()).toEqual(before);
    expect(second).toEqual(first);
    expect(openSetup(join(home, "data"), vault)).toEqual(first);
  });

  it("keeps how long finished runs are kept, but for what it is told anew", async () => {
    await run({ history: { maxRuns: 500 } });
    const dayMs = 24 * 60 * 60_000;
    const kept = async (history?: Partial<Retention>) =>
      (await run(history === undefined ? {} : { history })).config.history;
    const before = { maxAgeMs: 30 * dayMs, maxRuns: 500, payloadMaxAgeMs: null };
    expect(await kept()).toEqual(before);
    expect(await kept({ maxAgeMs: dayMs })).toEqual({ ...before, maxAgeMs: dayMs });
    const finite = { ...before, maxAgeMs: dayMs, payloadMaxAgeMs: 90 * dayMs };
    expect(await kept({ payloadMaxAgeMs: 90 * dayMs })).toEqual(finite);
    expect(await kept()).toEqual(finite);
    expect(await kept({ payloadMaxAgeMs: null })).toEqual({ ...finite, payloadMaxAgeMs: null });
  });

  it("leaves files and folders that nobody else may read", async () => {
    await run();
    for (const name of readdirSync(home, { recursive: true, encoding: "utf8" })) {
      const status = statSync(join(home, name));
      expect([name, (status.mode & 0o777).toString(8)]).toEqual([
        name,
        status.isFile() ? "600" : "700",
      ]);
    }
  });

  it("writes no secret but the server's key and the clients' tokens", async () => {
    await run();
    expect([...vault.secrets.keys()].sort()).toEqual([
      "mesh/authority-key",
      "nats/coordinator-seed",
      "nats/mesh-account-seed",
      "nats/operator-seed",
      "nats/system-account-seed",
    ]);
    const { token } = readJson("operator.json");
    for (const [name, text] of files()) {
      for (const secret of vault.secrets.values()) {
        for (const encoding of ["utf8", "base64", "hex"] as const) {
          expect(text.includes(secret.toString(encoding)), `${name} holds a secret`).toBe(false);
        }
      }
      expect(/\bS[OAUNC][A-Z2-7]{56}\b/.test(text), `${name} holds an nkey seed`).toBe(false);
      expect(text.includes("PRIVATE KEY"), name).toBe(name === "data/tls/server.key");
      expect(text.includes(token), name).toBe(name === "operator.json");
    }
  });

  it("makes one certificate for every name, under the root of the fingerprint", async () => {
    const { ca, certificateChain, rootFingerprint, servers } = await run();
    const [leaf, root] = certificateChain
      .split(/(?<=-----END CERTIFICATE-----\n)/)
      .map((it) => new X509Certificate(it));
    for (const name of ["cohort.example", "localhost"]) expect(leaf?.checkHost(name)).toBe(name);
    for (const ip of ["192.0.2.7", "2001:db8::7", "127.0.0.1", "::1"])
      expect(leaf?.checkIP(ip)).toBe(ip);
    expect(leaf?.checkHost("other.example")).toBeUndefined();
    expect([leaf?.ca, root?.ca]).toEqual([false, true]);
    expect(leaf?.verify((root as X509Certificate).publicKey)).toBe(true);
    expect(root?.fingerprint256).toBe(new X509Certificate(ca).fingerprint256);
    expect(root?.fingerprint256.replaceAll(":", "").toLowerCase()).toBe(rootFingerprint);
    expect(servers).toEqual(["cohort.example:7422", "192.0.2.7:7422", "[2001:db8::7]:7422"]);
  });

  it("certifies anew for a new host and in good time, under the same root", async () => {
    const first = await run();
    const wider = await run({ hosts: ["cohort.example", "new.example"] });
    expect(wider.certificateChain).not.toBe(first.certificateChain);
    const older = await run({
      hosts: ["cohort.example", "new.example"],
      nowMs: nowMs + 6 * yearMs,
    });
    expect(older.certificateChain).not.toBe(wider.certificateChain);
    expect(older.rootFingerprint).toBe(first.rootFingerprint);
    expect(older.certificateKey).toBe(first.certificateKey);
  });

  it("gives each role a token of its own, known by its hash alone", async () => {
    const { config, ca } = await run();
    const operator = readJson("operator.json");
    const [approver, gateway] = [readJson("approver.json"), readJson("gateway.json")];
    expect(operator).toEqual({ endpoint: "localhost:7443", ca, token: expect.any(String) });
    expect(new Set([operator.token, approver.token, gateway.token]).size).toBe(3);
    expect(config.credentials).toEqual([
      { role: "operator", tokenHash: hashToken(operator.token) },
      { role: "approver", tokenHash: hashToken(approver.token) },
      { role: "gateway", tokenHash: hashToken(gateway.token) },
    ]);
  });

  it("replaces a token whose file is gone or was swapped for another role's", async () => {
    await run();
    const before = readJson("operator.json").token;
    unlinkSync(join(home, "operator.json"));
    writeFileSync(
      join(home, "gateway.json"),
      JSON.stringify({ ...readJson("gateway.json"), token: before }),
    );
    const { config } = await run();
    const [operator, gateway] = [readJson("operator.json").token, readJson("gateway.json").token];
    expect(new Set([before, operator, gateway]).size).toBe(3);
    expect(config.credentials.map((it) => it.tokenHash)).toEqual([
      hashToken(operator),
      hashToken(readJson("approver.json").token),
      hashToken(gateway),
    ]);
  });

  it("makes an account's JWT again when it is lost or foreign", async () => {
    await run();
    const folder = join(home, "data", "nats", "resolver");
    const [one, two] = readdirSync(folder).map((name) => join(folder, name)) as [string, string];
    unlinkSync(one);
    writeFileSync(two, "x.y.z");
    await run();
    for (const path of [one, two])
      expect(readFileSync(path, "utf8")).toMatch(/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it("listens on loopback unless told otherwise", async () => {
    await run();
    const path = join(home, "data", "nats", "nats.conf");
    expect(readFileSync(path, "utf8")).toContain('listen: "127.0.0.1:7422"');
    const { localServer } = await run({ natsHost: "0.0.0.0" });
    expect(readFileSync(path, "utf8")).toContain('listen: "0.0.0.0:7422"');
    expect(localServer).toBe("127.0.0.1:7422");
  });

  it.each(["", "https://cohort.example", "cohort.example:7422", "a b", "x\ny", '"'])(
    "does not take %j for a host",
    async (host) => {
      await expect(run({ hosts: [host] })).rejects.toMatchObject({ code: "USAGE" });
    },
  );

  it("says so when there is none, or when its record was spoiled", async () => {
    expect(() => openSetup(join(home, "data"), vault)).toThrowError(
      expect.objectContaining({ code: "SETUP_FAILED" }),
    );
    await run();
    writeFileSync(join(home, "data", "config.json"), "{}");
    expect(() => openSetup(join(home, "data"), vault)).toThrowError(
      expect.objectContaining({ code: "SETUP_FAILED" }),
    );
  });
});
