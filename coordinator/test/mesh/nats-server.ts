import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as connectTls } from "node:tls";
import { findNatsServer } from "@cohort/deploy/setup/nats-server.mjs";
import { paths } from "@cohort/deploy/setup/paths.mjs";
import { initialise, type Setup } from "../../src/setup/setup.ts";
import { memoryVault } from "../setup/memory-vault.ts";

/**
 * A real nats-server on a free port of loopback, set up as `cohort up` does, in a folder of its
 * own.
 */
export interface TestNatsServer {
  readonly setup: Setup;
  /** kill -9; the port and the data stay. */
  kill(): Promise<void>;
  /** Resolves when it accepts TLS. */
  start(): Promise<void>;
  /** Ends it and removes its data. */
  remove(): Promise<void>;
}

const readyMsMax = 20_000;

export async function startNatsServer(): Promise<TestNatsServer> {
  const dataDir = mkdtempSync(join(tmpdir(), "cohort-nats-"));
  const port = await freePort();
  const setup = await initialise({
    dataDir,
    natsPort: port,
    consolePort: 7443,
    hosts: ["localhost", "127.0.0.1"],
    vault: memoryVault(),
    operatorContext: join(dataDir, "operator.json"),
    approverContext: join(dataDir, "approver.json"),
    gatewayContext: join(dataDir, "gateway.json"),
    nowMs: Date.now(),
  });
  let child: ChildProcess | null = null;
  const server: TestNatsServer = {
    setup,
    async start() {
      child = spawn("sh", ["-c", leashed, natsServerPath(), setup.natsConfigPath], {
        stdio: ["pipe", "ignore", "pipe"],
      });
      let said = "";
      child.stderr?.setEncoding("utf8").on("data", (text: string) => {
        said = (said + text).slice(-8_192);
      });
      await accepting(port, setup.ca, child, () => said);
    },
    async kill() {
      const running = child;
      child = null;
      if (running === null || running.exitCode !== null) return;
      const ended = new Promise((resolve) => running.once("exit", resolve));
      running.stdin?.end();
      await ended;
    },
    async remove() {
      await server.kill();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
  try {
    await server.start();
  } catch (error) {
    await server.remove();
    throw error;
  }
  return server;
}

/** SIGKILL for the server when stdin ends, which it also does when the test's process dies. */
const leashed = `exec 3<&0
"$0" -c "$1" & server=$!
{ cat <&3 >/dev/null; kill -9 $server; } & leash=$!
wait $server
kill $leash`;

/** From COHORT_NATS_SERVER, else PATH, else the one that setting up this checkout downloaded. */
export function natsServerPath(): string {
  const asked = process.env["COHORT_NATS_SERVER"];
  if (asked !== undefined && asked !== "") return asked;
  const found = findNatsServer({ cache: paths().cache });
  if (found === null) {
    throw new Error("no nats-server: run `node deploy/nats-server.mjs`, or set COHORT_NATS_SERVER");
  }
  return found.path;
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() =>
        resolve(typeof address === "object" && address !== null ? address.port : 0),
      );
    });
  });
}

async function accepting(
  port: number,
  ca: string,
  child: ChildProcess,
  said: () => string,
): Promise<void> {
  const untilMs = Date.now() + readyMsMax;
  while (!(await handshakes(port, ca))) {
    if (child.exitCode !== null || Date.now() > untilMs) {
      throw new Error(`nats-server did not start:\n${said()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function handshakes(port: number, ca: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTls({ port, host: "127.0.0.1", ca });
    socket.once("secureConnect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("secureConnect", () => socket.destroy());
  });
}
