import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { agentPath } from "@cohort/deploy/setup/agent.mjs";
import { ensureNatsServer } from "@cohort/deploy/setup/nats-server.mjs";
import { paths, repository } from "@cohort/deploy/setup/paths.mjs";
import { layOutFactory } from "@cohort/deploy/src/start/factory.ts";
import { freePort } from "@cohort/deploy/src/supervisor/free-port.ts";
import { hashPassword } from "@cohort/gateway/src/broker/password.ts";
import { ConsoleClient } from "@cohort/gateway/src/console-client/console-client.ts";
import { readContext } from "@cohort/gateway/src/console-client/context.ts";
import { ListRunsRequest, type Run, type SourceFile } from "@cohort/proto/gen/cohort/console";
import { connectAsync } from "mqtt";
import { type CliResult, runCli } from "./cli.ts";
import { Program } from "./program.ts";

/** Boards of the example; what they are labelled with decides what runs there. */
export const boards: Readonly<Record<string, Record<string, string>>> = {
  "press-01": { role: "press", press: "p1", position: "front" },
  "press-02": { role: "press", press: "p1", position: "rear" },
  "gateway-box-01": { role: "gateway-box" },
};

export interface MeshOptions {
  /** For nats-server, such as "-V" to trace what crosses it. */
  readonly natsArguments?: readonly string[];
  /** Of the coordinator's process, beside the test's own. */
  readonly environment?: Readonly<Record<string, string>>;
  /** Before anything is in the mesh's folder. */
  readonly prepare?: (home: string) => void;
  /** Names by which nodes reach this machine. */
  readonly hosts?: readonly string[];
  /** More for the coordinator's `init`. */
  readonly initArguments?: readonly string[];
}

/**
 * A whole mesh of real processes in a folder of its own, on free ports: nats-server, coordinator,
 * gateway with its broker, the example's maintenance desk, and compiled agents. A test may kill and
 * start each.
 */
export class TestMesh {
  readonly programs = new Map<string, Program>();
  /** The desk's API key, which the mesh must never show. */
  readonly apiKey = randomBytes(32).toString("base64url");
  client!: ConsoleClient;

  private constructor(
    readonly home: string,
    readonly ports: Readonly<
      Record<"nats" | "console" | "mqtt" | "webhooks" | "maintenance", number>
    >,
  ) {}

  static async start(options: MeshOptions = {}): Promise<TestMesh> {
    const home = mkdtempSync(join(tmpdir(), "cohort-mesh-"));
    const ports = {
      nats: await freePort(),
      console: await freePort(),
      mqtt: await freePort(),
      webhooks: await freePort(),
      maintenance: await freePort(),
    };
    const mesh = new TestMesh(home, ports);
    try {
      await mesh.#startCentre(options);
      return mesh;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  get context(): string {
    return join(this.home, "operator.json");
  }

  get approverContext(): string {
    return join(this.home, "approver.json");
  }

  program(name: string): Program {
    const program = this.programs.get(name);
    if (program === undefined) throw new Error(`no program is called ${name}`);
    return program;
  }

  cohort(...argv: readonly string[]): Promise<CliResult> {
    return runCli(["--context", this.context, ...argv]);
  }

  /**
   * Enrols the agents and starts them, with more arguments if given; resolves when the coordinator
   * counts them as connected.
   */
  async startAgents(
    wanted: typeof boards = boards,
    agentArguments: readonly string[] = [],
  ): Promise<void> {
    const { nodes } = this.client;
    for (const [name, labels] of Object.entries(wanted)) {
      const { joinToken } = await this.client.call(nodes, nodes.invite, { name, labels });
      const data = join(this.home, "nodes", name);
      const join_ = this.#program(
        `join-${name}`,
        [agentPath(), "join", "--data", data],
        "joined as",
        {
          COHORT_JOIN_TOKEN: joinToken,
        },
      );
      await join_.start();
      await this.runAgent(name, data, agentArguments).start();
    }
    await this.until(async () => {
      const reply = await this.client.call(nodes, nodes.list, {});
      return (
        reply.nodes.filter((it) => it.state === "connected" && it.node in wanted).length ===
        Object.keys(wanted).length
      );
    });
  }

  /** An agent that has joined, to be started; its program goes by the name. */
  runAgent(name: string, data: string, agentArguments: readonly string[] = []): Program {
    return this.#program(name, [agentPath(), "run", "--data", data, ...agentArguments]);
  }

  /** The example's desk, its key in the vault, its resources applied. */
  async startFactory(): Promise<void> {
    const desk = join(this.home, "desk");
    const program = join(repository, "deploy/dist/maintenance.mjs");
    const argv = [
      process.execPath,
      program,
      "--data",
      desk,
      "--port",
      String(this.ports.maintenance),
    ];
    await this.#program("maintenance", argv, '"ready":true').start();
    const hash = createHash("sha256").update(this.apiKey).digest("hex");
    writeFileSync(join(desk, "api-key.sha256"), `${hash}\n`);
    const { secrets } = this.client;
    const value = Buffer.from(this.apiKey);
    await this.client.call(secrets, secrets.set, {
      path: "maintenance/api-key",
      value,
      services: [],
    });
    await this.apply(
      layOutFactory({
        source: join(repository, "deploy/examples/factory"),
        desk,
        folder: join(this.home, "factory"),
        port: this.ports.maintenance,
      }),
    );
  }

  async apply(files: SourceFile[]): Promise<void> {
    const { resources } = this.client;
    await this.client.call(resources, resources.apply, { files, dryRun: false, withTexts: false });
  }

  async startGateway(): Promise<void> {
    const users = join(this.home, "broker-users.json");
    const password = await hashPassword("sensor-password");
    const sensor = { name: "sensor", password, publish: ["factory/#"], subscribe: ["factory/#"] };
    writeFileSync(users, JSON.stringify({ users: [sensor] }), { mode: 0o600 });
    const argv = [
      ...[process.execPath, join(repository, "gateway/dist/gateway.mjs")],
      ...["--context", join(this.home, "gateway.json")],
      ...["--embedded-broker", `127.0.0.1:${this.ports.mqtt}`, "--broker-users", users],
      ...["--webhooks", `127.0.0.1:${this.ports.webhooks}`],
    ];
    await this.#program("gateway", argv, '"ready":true').start();
  }

  async publish(topic: string, payload: string): Promise<void> {
    const client = await connectAsync(`mqtt://127.0.0.1:${this.ports.mqtt}`, {
      username: "sensor",
      password: "sensor-password",
      clientId: "sensor",
      reconnectPeriod: 0,
    });
    await client.publishAsync(topic, payload, { qos: 1 });
    await client.endAsync();
  }

  async run(workflow: string, inputs: Record<string, unknown> = {}): Promise<string> {
    const { runs } = this.client;
    const request = { workflow, inputsJson: JSON.stringify(inputs), idempotencyKey: "" };
    return (await this.client.call(runs, runs.start, request)).run;
  }

  getRun(run: string): Promise<Run> {
    return this.client.call(this.client.runs, this.client.runs.get, { run });
  }

  /** The run when it has ended. */
  async ended(run: string, withinMs = 45_000): Promise<Run> {
    await this.until(async () => (await this.getRun(run)).endedMs !== 0, withinMs);
    return this.getRun(run);
  }

  /** Runs of a workflow, newest first. */
  async runsOf(workflow: string): Promise<Run[]> {
    const { runs } = this.client;
    return (
      await this.client.call(runs, runs.list, ListRunsRequest.fromPartial({ workflow, limit: 100 }))
    ).runs;
  }

  /** Polls until the condition holds; a coordinator that is away counts as "not yet". */
  async until(condition: () => Promise<boolean>, withinMs = 30_000): Promise<void> {
    const deadline = Date.now() + withinMs;
    for (;;) {
      const holds = await condition().catch((error: unknown) => {
        if (Date.now() > deadline) throw error;
        return false;
      });
      if (holds) return;
      if (Date.now() > deadline) throw new Error(`not within ${withinMs} ms\n${this.#logs()}`);
      await new Promise((resolve) => setTimeout(resolve, 25));
    }
  }

  /** Ends every process, the latest first, and removes the folder. */
  async stop(): Promise<void> {
    this.client?.close();
    for (const program of [...this.programs.values()].reverse()) await program.kill("SIGTERM");
    rmSync(this.home, { recursive: true, force: true });
  }

  async #startCentre(options: MeshOptions): Promise<void> {
    const {
      natsArguments = [],
      hosts = ["localhost"],
      initArguments = [],
      environment = {},
    } = options;
    const { home, ports } = this;
    options.prepare?.(home);
    mkdirSync(join(home, "log"));
    const data = join(home, "coordinator");
    const program = join(repository, "coordinator/dist/coordinator.mjs");
    const key = join(home, "vault.key");
    const common = ["--data", data, "--vault-key-file", key];
    const init = [
      ...[process.execPath, program, "init", ...common],
      ...["--nats-port", String(ports.nats), "--console-port", String(ports.console)],
      ...["--operator-context", this.context, "--approver-context", this.approverContext],
      ...["--gateway-context", join(home, "gateway.json"), "--hosts", hosts.join(",")],
      ...initArguments,
    ];
    await this.#program("init", init, "natsConfig").start();
    const nats = await ensureNatsServer({ cache: paths().cache });
    const config = join(data, "nats/nats.conf");
    await this.#program(
      "nats-server",
      [nats.path, "-c", config, ...natsArguments],
      "Server is ready",
    ).start();
    const run = [process.execPath, program, "run", ...common];
    await this.#program("coordinator", run, '"ready":true', environment).start();
    this.client = new ConsoleClient(readContext(this.context));
  }

  #program(name: string, argv: readonly string[], ready?: string, environment = {}): Program {
    const logFile = join(this.home, "log", `${name}.log`);
    const program = new Program({
      argv,
      logFile,
      environment,
      ...(ready === undefined ? {} : { ready }),
    });
    this.programs.set(name, program);
    return program;
  }

  #logs(): string {
    return [...this.programs].map(([name, it]) => `--- ${name}\n${tail(it.log)}`).join("\n");
  }
}

function tail(text: string): string {
  return text.split("\n").slice(-15).join("\n");
}
