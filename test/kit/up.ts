import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { agentPath } from "@cohort/deploy/setup/agent.mjs";
import { repository } from "@cohort/deploy/setup/paths.mjs";
import { type CliResult, runCli } from "./cli.ts";
import { Program } from "./program.ts";

/** A mesh that `cohort up` started, in a folder of its own, as an operator at a shell has it. */
export class UpMesh {
  readonly home = mkdtempSync(join(tmpdir(), "cohort-up-"));
  readonly #up: Program;
  #agent: Program | null = null;

  constructor() {
    const ports = ["NATS", "CONSOLE", "MQTT", "WEBHOOKS", "MAINTENANCE"].map((it) => [
      `COHORT_${it}_PORT`,
      "0",
    ]);
    this.#up = new Program({
      argv: [process.execPath, join(repository, "gateway/dist/cohort.mjs"), "up"],
      logFile: join(this.home, "up.log"),
      environment: { COHORT_HOME: this.home, ...Object.fromEntries(ports) },
      ready: "console at localhost:",
      readyMs: 60_000,
    });
  }

  async start(): Promise<void> {
    await this.#up.start();
  }

  cohort(argv: readonly string[], input = ""): Promise<CliResult> {
    return runCli(["--context", join(this.home, "operator.json"), ...argv], input);
  }

  /** The result of `-o json`, which must be the whole of stdout. */
  async json<Result>(...argv: readonly string[]): Promise<Result> {
    const { stdout } = await this.cohort(["-o", "json", ...argv]);
    return JSON.parse(stdout) as Result;
  }

  /** Where a board of this mesh keeps its data. */
  dataOf(name: string): string {
    return join(this.home, "data", "nodes", name);
  }

  /** Runs the line that `node invite` printed as a board's plain shell does. */
  async paste(line: string): Promise<string> {
    const PATH = `${dirname(agentPath())}:/usr/bin:/bin`;
    const { stdout } = await promisify(execFile)("/bin/sh", ["-c", line], { env: { PATH } });
    return stdout;
  }

  /** Starts the agent of a board that has joined. */
  async startAgent(name: string): Promise<void> {
    const argv = [agentPath(), "run", "--data", this.dataOf(name)];
    const logFile = join(this.home, `${name}.log`);
    this.#agent = await new Program({ argv, logFile, ready: "connected to" }).start();
  }

  /** As Ctrl-C does. */
  async stop(): Promise<void> {
    await this.#agent?.kill("SIGTERM");
    await this.#up.kill("SIGINT");
  }

  remove(): void {
    rmSync(this.home, { recursive: true, force: true });
  }
}
