import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { repository } from "../setup/paths.mjs";
import { identify } from "../src/supervisor/process-identity.ts";

const launcher = join(repository, "deploy", "dist", "start.mjs");
const program = `
  const { main } = await import(${JSON.stringify(launcher)});
  process.exitCode = await main(process.argv.slice(1));`;
let home: string;

beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), "cohort-start-"));
});

afterAll(() => rmSync(home, { recursive: true, force: true }));

describe("npm start, once set up", { timeout: 60_000 }, () => {
  test("runs the example from one MQTT message to a verified ledger, and ends with the run", async () => {
    const { exit, out } = await start("--once");
    expect(out).toContain("published factory/line1/press/p1/vibration");
    expect(out).toMatch(/run \w+ of press-vibration succeeded/);
    for (const node of ["press-01", "press-02", "gateway-box-01", "coordinator"]) {
      expect(out).toMatch(new RegExp(`^  \\S+ +${node} +\\{`, "m"));
    }
    expect(out).toContain("spent 0.002 USD");
    expect(out).toMatch(/^ledger +\d+ entries, verified/m);
    expect(exit).toBe(0);
    expect(supervised()).toBeNull();
  });

  test("ends what a killed supervisor left behind, keeps the data, and stops at a signal", async () => {
    const killed = launch();
    await killed.up;
    const orphans = Object.values(supervised() ?? {});
    expect(orphans).toHaveLength(7);
    killed.process.kill("SIGKILL");
    await killed.ended;

    const next = launch();
    await next.up;
    expect(next.output()).toContain("left behind by a supervisor that was killed");
    expect(next.output()).toContain("0 enrolled now");
    expect(next.output()).toContain("4 resources unchanged");
    expect(orphans.filter(({ pid }) => identify(pid) !== null)).toEqual([]);
    const children = Object.values(supervised() ?? {});
    next.process.kill("SIGINT");
    expect(await next.ended).toBe(0);
    expect(children.filter(({ pid }) => identify(pid) !== null)).toEqual([]);
  });

  test("names the port that something else holds", async () => {
    const ports = JSON.parse(readFileSync(join(home, "ports.json"), "utf8")) as { console: number };
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(ports.console, "127.0.0.1", resolve));
    const { exit, out } = await start("--once");
    other.close();
    expect(out).toContain(`port ${ports.console} (console) is in use`);
    expect(exit).toBe(1);
    expect(supervised()).toBeNull();
  });
});

async function start(...argv: string[]): Promise<{ exit: number | null; out: string }> {
  const launched = launch(...argv);
  const exit = await launched.ended;
  return { exit, out: launched.output() };
}

function launch(...argv: string[]) {
  const ports = ["NATS", "CONSOLE", "MQTT", "WEBHOOKS", "MAINTENANCE"].map((it) => [
    `COHORT_${it}_PORT`,
    "0",
  ]);
  const child = spawn(
    process.execPath,
    ["--input-type=module", "-e", program, "--", "--home", home, ...argv],
    { env: { ...process.env, ...Object.fromEntries(ports) }, stdio: ["ignore", "pipe", "pipe"] },
  );
  let output = "";
  let arrived = () => {};
  const up = new Promise<void>((resolve) => {
    arrived = resolve;
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      if (output.includes("up until Ctrl-C")) arrived();
    });
  }
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  return { process: child, up: Promise.race([up, ended]), ended, output: () => output };
}

/** Children on record; null when no supervisor holds the home folder. */
function supervised(): Record<string, { pid: number }> | null {
  try {
    const text = readFileSync(join(home, "supervisor.json"), "utf8");
    return (JSON.parse(text) as { children: Record<string, { pid: number }> }).children;
  } catch {
    return null;
  }
}
