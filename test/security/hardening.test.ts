import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { processTree } from "../kit/process-memory.ts";

const bundle = join(repository, "coordinator/dist/coordinator.mjs");

let mesh: TestMesh;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "cohort-hardening-"));
  mesh = await TestMesh.start();
  const { secrets } = mesh.client;
  const value = Buffer.from(mesh.apiKey);
  await mesh.client.call(secrets, secrets.set, { path: "desk/api-key", value, services: [] });
});
afterAll(async () => {
  await mesh?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const pid = () => mesh.program("coordinator").pid;
const proc = (name: string) => readFileSync(`/proc/${pid()}/${name}`, "utf8");

describe("a coordinator that serves (112)", () => {
  it("leaves no core file, and shows no page to whoever else dumps it", () => {
    expect(proc("limits")).toMatch(/^Max core file size +0 +0 /m);
    for (const it of processTree(pid())) {
      expect(readFileSync(`/proc/${it}/coredump_filter`, "utf8").trim()).toBe("00000000");
    }
  });

  it("opens no inspector when it is sent SIGUSR1, and serves on", async () => {
    process.kill(pid(), "SIGUSR1");
    const { vault } = mesh.client;
    const status = await mesh.client.call(vault, vault.status, {});
    expect(status.state).toBe("unsealed");
    expect(mesh.program("coordinator").log).not.toContain("Debugger listening");
    expect(await listens(9229)).toBe(false);
  });

  it("has no secret in its command line, title, environment or open files' names", () => {
    for (const name of ["cmdline", "comm", "environ"]) {
      expect(proc(name)).not.toContain(mesh.apiKey);
    }
    const key = readFileSync(join(mesh.home, "vault.key"));
    for (const encoding of ["hex", "base64", "base64url", "latin1"] as const) {
      for (const name of ["cmdline", "environ"]) {
        expect(proc(name)).not.toContain(key.toString(encoding));
      }
    }
  });
});

describe("a coordinator that someone would look into (112)", () => {
  const options = [
    ...["--inspect=0", "--heapsnapshot-signal=SIGUSR2", "--heap-prof"],
    ...["--heapsnapshot-near-heap-limit=1", "--report-on-signal", "--report-uncaught-exception"],
    ...["--report-on-fatalerror", "--cpu-prof", "--tls-keylog=keys"],
  ];

  it.each(options)("does not start with %s", (option) => expectRefused([option], {}));

  it("does not start with a log of what its HTTP library says", () =>
    expectRefused([], { NODE_DEBUG: "http" }));

  it.each(["--inspect=0", "--heapsnapshot-signal=SIGUSR2", "--report-on-signal"])(
    "does not start with %s in NODE_OPTIONS",
    (option) => expectRefused([], { NODE_OPTIONS: option }),
  );

  it("drops what limit it was given, and leaves nothing when it is aborted", async () => {
    const pattern = readFileSync("/proc/sys/kernel/core_pattern", "utf8").trim();
    const unlimited = ["prlimit", "--core=unlimited:unlimited"];
    const usual = spawnSync("sh", ["-c", "kill -ABRT $$"], { cwd: folder });
    expect(usual.signal ?? usual.status).toBeTruthy();
    const left = () => readdirSync(folder).filter((it) => it.startsWith("core"));
    spawnSync(unlimited[0] ?? "", [...unlimited.slice(1), "sh", "-c", "kill -ABRT $$"], {
      cwd: folder,
    });
    const dumps = left();
    // Where cores go elsewhere, or an ordinary user may not raise the limit, the limits above must do.
    if (/^core/.test(pattern) && process.getuid?.() === 0) expect(dumps.length).toBeGreaterThan(0);
    const argv = [...unlimited.slice(1), process.execPath, bundle, ...arguments_()];
    const command = process.getuid?.() === 0 ? "prlimit" : process.execPath;
    const child = spawn(command, command === "prlimit" ? argv : argv.slice(2), {
      cwd: folder,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const ended = new Promise<string | null>((resolve) => {
      child.once("exit", (_code, signal) => resolve(signal));
    });
    const { pid: aborted = 0 } = child;
    const limits = () => readFileSync(`/proc/${aborted}/limits`, "utf8");
    await mesh.until(async () => /^Max core file size +0 +0 /m.test(limits()));
    process.kill(aborted, "SIGABRT");
    expect(await ended).toBe("SIGABRT");
    expect(left()).toEqual(dumps);
  });
});

/** It ends before it has made or opened anything. */
function expectRefused(execArgv: readonly string[], environment: Record<string, string>): void {
  const { status, stderr } = spawnSync(process.execPath, [...execArgv, bundle, ...arguments_()], {
    cwd: folder,
    env: { ...process.env, ...environment },
    encoding: "utf8",
  });
  expect(stderr).toContain("SETUP_FAILED");
  expect(stderr).toContain("does not start with");
  expect(status).toBe(1);
  expect(existsSync(join(folder, "data"))).toBe(false);
}

function arguments_(): string[] {
  return ["run", "--data", join(folder, "data"), "--vault-key-file", join(folder, "key")];
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
