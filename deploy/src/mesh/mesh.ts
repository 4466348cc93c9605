import { join } from "node:path";
import { ensureNatsServer } from "../../setup/nats-server.mjs";
import type { Paths } from "../../setup/paths.mjs";
import { type Child, type ChildSpec, startChild } from "../supervisor/child.ts";
import { claim, type Instance } from "../supervisor/instance.ts";
import { provideBrokerUsers } from "./broker-users.ts";
import { choosePorts, type Ports, requireFree } from "./ports.ts";
import { coordinatorSpec, gatewaySpec, initialise, natsServerSpec } from "./programs.ts";

/** The three processes that a mesh needs at its centre, and whatever else is started beside them. */
export interface Mesh {
  readonly ports: Ports;
  /** nats-server and the coordinator serve; the gateway is started by `startGateway`. */
  startGateway(): Promise<void>;
  /** Kept running like the mesh's own; stopped before whatever was started earlier. */
  start(...specs: readonly ChildSpec[]): Promise<void>;
  /** Stops every child, the latest first, and gives the home folder back. Data stays. */
  stop(): Promise<void>;
}

export interface MeshOptions {
  readonly paths: Paths;
  readonly ports: Partial<Ports>;
  readonly report: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Prepares the coordinator's data when it is new, then starts nats-server and the coordinator. Throws
 * SETUP_FAILED when another supervisor runs in this home, a port is taken, or a process does not start.
 */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const { paths, report, signal } = options;
  const instance = await claim(paths.home, report);
  const mesh = new Supervised(options, instance, await portsFor(options, instance));
  try {
    const natsServer = await ensureNatsServer({ cache: paths.cache, log: report });
    await initialise(paths, mesh.ports, signal);
    await mesh.start(natsServerSpec(natsServer.path, paths));
    await mesh.start(coordinatorSpec(paths));
    return mesh;
  } catch (error) {
    await mesh.stop();
    throw error;
  }
}

async function portsFor({ paths, ports }: MeshOptions, instance: Instance): Promise<Ports> {
  try {
    const chosen = await choosePorts(join(paths.home, "ports.json"), ports);
    await requireFree(chosen, ["nats", "console", "mqtt", "webhooks"]);
    return chosen;
  } catch (error) {
    instance.release();
    throw error;
  }
}

class Supervised implements Mesh {
  readonly #started: (readonly Child[])[] = [];

  constructor(
    private readonly options: MeshOptions,
    private readonly instance: Instance,
    readonly ports: Ports,
  ) {}

  startGateway(): Promise<void> {
    provideBrokerUsers(this.options.paths.brokerUsers);
    return this.start(gatewaySpec(this.options.paths, this.ports));
  }

  async start(...specs: readonly ChildSpec[]): Promise<void> {
    const { paths, report, signal } = this.options;
    signal.throwIfAborted();
    const context = { instance: this.instance, logs: paths.logs, random: Math.random, report };
    const results = await Promise.allSettled(specs.map((spec) => startChild(spec, context)));
    this.#started.push(results.flatMap((it) => (it.status === "fulfilled" ? [it.value] : [])));
    for (const result of results) if (result.status === "rejected") throw result.reason;
    signal.throwIfAborted();
  }

  async stop(): Promise<void> {
    for (const children of this.#started.reverse()) {
      await Promise.all(children.map((child) => child.stop()));
    }
    this.#started.length = 0;
    this.instance.release();
  }
}
