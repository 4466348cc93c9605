import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { agentPath } from "@cohort/deploy/setup/agent.mjs";
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { applySteps } from "../kit/step-runs.ts";

interface Answer {
  readonly status: number;
  readonly out: string;
  readonly error: string;
}

function agent(...argv: string[]): Promise<Answer> {
  return new Promise((resolve) => {
    execFile(agentPath(), argv, (error, out, stderr) => {
      resolve({ status: error === null ? 0 : Number(error.code), out, error: stderr });
    });
  });
}

describe("the commands of a compiled agent", () => {
  let mesh: TestMesh;
  let data: string;

  beforeAll(async () => {
    mesh = await TestMesh.start();
    await mesh.startAgents({ "board-01": {} });
    data = join(mesh.home, "nodes", "board-01");
  });

  afterAll(async () => {
    await mesh?.stop();
  });

  it("tell the status of the agent that runs, with its steps", async () => {
    const workflow = await applySteps(mesh, '  - { id: slow, run: "sleep 60" }\n');
    const run = await mesh.run(workflow);
    const status = async () =>
      JSON.parse((await agent("status", "--data", data, "-o", "json")).out);
    await mesh.until(async () => (await status()).running.length === 1);
    expect(await status()).toMatchObject({
      node: "board-01",
      process: mesh.program("board-01").pid,
      isolation: expect.stringMatching(/^(strict|standard)$/),
      connection: { server: expect.stringContaining(String(mesh.ports.nats)) },
      running: [{ run, step: "slow", instance: 0, attempt: 1 }],
    });
    const { status: code, out } = await agent("status", "--data", data);
    expect(code).toBe(0);
    expect(out).toContain(`    ${run} slow[0] attempt 1\n`);
    expect(out).toMatch(/^node: {7}board-01$/m);
  });

  it("refuse a second agent with the same folder, which the first survives", async () => {
    const { status, error } = await agent("run", "--data", data);
    expect(status).toBe(1);
    expect(error).toMatch(/^SETUP_FAILED another agent runs with /);
    expect((await agent("status", "--data", data)).status).toBe(0);
  });

  it("find a machine sound on which the agent runs", async () => {
    const { status, out } = await agent("doctor", "--data", data, "-o", "json");
    const { checks } = JSON.parse(out) as { checks: { name: string; state: string }[] };
    expect(checks.filter(({ state }) => state === "failed")).toEqual([]);
    expect(checks.map(({ name }) => name.split(" ")[0])).toEqual(
      "isolation sandbox data disk enrolment clock credential server agent".split(" "),
    );
    expect(checks.at(-1)?.state).toBe("ok");
    expect(status).toBe(0);
  });

  it("say when the agent was killed, and find nothing in the way of the next", async () => {
    await mesh.program("board-01").kill("SIGKILL");
    const { status, error } = await agent("status", "--data", data);
    expect(status).toBe(5);
    expect(error).toMatch(/^UNREACHABLE no agent runs with /);
    const next = spawn(agentPath(), ["run", "--data", data], { stdio: "ignore" });
    onTestFinished(async () => {
      const ended = once(next, "exit");
      next.kill("SIGTERM");
      await ended;
    });
    await mesh.until(async () => (await agent("status", "--data", data)).status === 0);
  });

  it("tell systemd when the agent is ready, that its loop goes on, and that it ends", async () => {
    const address = `@cohort-e2e-${process.pid}`;
    const heard = await notifications(address);
    const environment = { ...process.env, NOTIFY_SOCKET: address, WATCHDOG_USEC: "900000" };
    const supervised = spawn(agentPath(), ["run", "--data", data], {
      stdio: "ignore",
      env: environment,
    });
    onTestFinished(() => void supervised.kill("SIGKILL"));
    await mesh.until(async () => heard.text().includes("STATUS=board-01: connected to "));
    expect(heard.text()).toMatch(/^READY=1\nSTATUS=board-01: /);
    const fed = () => heard.text().split("WATCHDOG=1").length;
    const before = fed();
    await mesh.until(async () => fed() > before + 1);
    const ended = once(supervised, "exit");
    supervised.kill("SIGTERM");
    await ended;
    await mesh.until(async () => heard.text().includes("STOPPING=1"));
  });
});

/** Listens as systemd does, and keeps what it hears, a line break after each. */
async function notifications(address: string): Promise<{ text(): string }> {
  const program = `
import socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind("${address}".replace("@", "\\0"))
print(flush=True)
while True: print(s.recv(4096).decode(), flush=True)`;
  const receiver = spawn("python3", ["-c", program], { stdio: ["ignore", "pipe", "ignore"] });
  onTestFinished(() => void receiver.kill());
  await once(receiver.stdout, "data");
  let text = "";
  receiver.stdout.on("data", (data) => {
    text += data;
  });
  return { text: () => text };
}
