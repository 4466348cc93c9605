import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Child, type ChildSpec, isReadyLine, startChild } from "../src/supervisor/child.ts";
import { claim, type Instance } from "../src/supervisor/instance.ts";
import { openLogFile } from "../src/supervisor/log-file.ts";
import { identify } from "../src/supervisor/process-identity.ts";

let home: string;
let instance: Instance;
let reports: string[];
let children: Child[];

beforeEach(async () => {
  home = mkdtempSync(join(tmpdir(), "cohort-supervisor-"));
  reports = [];
  children = [];
  instance = await claim(home, (line) => reports.push(line));
});

afterEach(async () => {
  for (const child of children) await child.stop();
  rmSync(home, { recursive: true });
});

describe("a child", () => {
  test("is ready when it says so, and not before", async () => {
    const child = await start(`
      console.log("warming up");
      setTimeout(() => { console.log(JSON.stringify({ ready: true })); }, 100);
      setInterval(() => {}, 1000);`);
    expect(child.pid).toBeTypeOf("number");
    expect(readFileSync(join(home, "log", "dummy.log"), "utf8")).toContain('"ready":true');
  });

  test("that ends before it is ready is an error with its log's place, and is not started again", async () => {
    const starting = start('console.error("no luck"); process.exit(7);');
    await expect(starting).rejects.toMatchObject({
      code: "SETUP_FAILED",
      message: "dummy did not start: it ended: exit status 7",
      problems: [{ hint: expect.stringContaining(join(home, "log", "dummy.log")) }],
    });
    expect(reports).toEqual([]);
  });

  test("that cannot be started is an error", async () => {
    const missing = { ...dummy(""), argv: [join(home, "absent")] };
    await expect(startChild(missing, context())).rejects.toMatchObject({ code: "SETUP_FAILED" });
  });

  test("that does not get ready in time is ended", async () => {
    const starting = start("setInterval(() => {}, 1000);", { readyMs: 200 });
    await expect(starting).rejects.toThrow("in time");
    expect(stored().children).toEqual({});
  });

  test("that is killed is started again", async () => {
    const child = await start(forever);
    const first = child.pid as number;
    process.kill(first, "SIGKILL");
    await vi.waitFor(() => expect(child.pid ?? first).not.toBe(first), { timeout: 5_000 });
    expect(reports).toEqual([
      expect.stringMatching(/^dummy ended \(SIGKILL\); starting it again in \d+ ms$/),
    ]);
  });

  test("that ignores SIGTERM is killed", async () => {
    const child = await start(`process.on("SIGTERM", () => {}); ${forever}`, { stopMs: 200 });
    const identity = identify(child.pid as number);
    await child.stop();
    expect(identify(identity?.pid as number)).toBeNull();
    expect(reports).toEqual([]);
  });
});

describe("a home folder", () => {
  test("belongs to one supervisor at a time", async () => {
    await expect(claim(home, () => {})).rejects.toMatchObject({
      code: "SETUP_FAILED",
      message: expect.stringContaining(`process ${process.pid}`),
    });
    instance.release();
    await claim(home, () => {});
  });

  test("loses the children of a killed supervisor when the next one claims it", async () => {
    const orphan = spawn(process.execPath, ["-e", forever], { stdio: "ignore" });
    await vi.waitFor(() => expect(identify(orphan.pid as number)).not.toBeNull());
    leaveBehind({ "nats-server": identify(orphan.pid as number) });
    const ended = endOf(orphan);
    await claim(home, (line) => reports.push(line));
    expect(await ended).toBe("SIGTERM");
    expect(reports[0]).toContain(`ending nats-server, process ${orphan.pid}`);
  });

  test("leaves a process alone that was given the id of a child long gone", async () => {
    const stranger = spawn(process.execPath, ["-e", forever], { stdio: "ignore" });
    await vi.waitFor(() => expect(identify(stranger.pid as number)).not.toBeNull());
    leaveBehind({ "nats-server": { ...identify(stranger.pid as number), startTicks: "1" } });
    await claim(home, (line) => reports.push(line));
    expect(identify(stranger.pid as number)).not.toBeNull();
    stranger.kill("SIGKILL");
    await endOf(stranger);
  });
});

test("a log file never grows beyond twice its limit and keeps the latest lines", () => {
  const path = join(home, "log", "full.log");
  const log = openLogFile(path, 1000);
  for (let line = 0; line < 500; line += 1) log.write(Buffer.from(`line ${line}\n`));
  log.close();
  expect(statSync(path).size + statSync(`${path}.1`).size).toBeLessThanOrEqual(2000);
  expect(readFileSync(path, "utf8")).toContain("line 499\n");
  expect(existsSync(`${path}.2`)).toBe(false);
});

const forever = "console.log(JSON.stringify({ ready: true })); setInterval(() => {}, 1000);";

function dummy(program: string): ChildSpec {
  return {
    name: "dummy",
    argv: [process.execPath, "-e", program],
    ready: isReadyLine,
    readyMs: 10_000,
    stopMs: 5_000,
  };
}

async function start(program: string, change: Partial<ChildSpec> = {}): Promise<Child> {
  const child = await startChild({ ...dummy(program), ...change }, context());
  children.push(child);
  return child;
}

function context() {
  const report = (line: string) => reports.push(line);
  return { instance, logs: join(home, "log"), random: () => 0.5, report };
}

function stored(): { children: Record<string, unknown> } {
  return JSON.parse(readFileSync(join(home, "supervisor.json"), "utf8"));
}

/** As a supervisor that was killed leaves it: its own process is no longer there. */
function leaveBehind(left: Record<string, unknown>): void {
  const supervisor = { ...identify(process.pid), startTicks: "1" };
  writeFileSync(join(home, "supervisor.json"), JSON.stringify({ supervisor, children: left }));
}

function endOf(child: ChildProcess): Promise<string | null> {
  return new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
}
