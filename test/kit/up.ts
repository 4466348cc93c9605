import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

  /** Enrols a board with the token and starts its agent. */
  async startAgent(name: string, joinToken: string): Promise<void> {
    const data = join(this.home, "data", "nodes", name);
    const joining = new Program({
      argv: [agentPath(), "join", "--data", data],
      logFile: join(this.home, `join-${name}.log`),
      environment: { COHORT_JOIN_TOKEN: joinToken },
      ready: "joined as",
    });
    await joining.start();
    const argv = [agentPath(), "run", "--data", data];
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
