import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { TestMesh } from "../../kit/mesh.ts";

/** The first message to the agents' process. */
export interface AgentsSettings {
  readonly joinTokens: readonly string[];
  readonly slots: number;
}

/** Any later message. */
export interface AgentsMode {
  readonly reportsEachStart: boolean;
}

export interface AgentsReport {
  readonly joined: number;
  /** Steps that have run. */
  readonly ended: number;
  readonly latest: StepTimes;
}

/** When the latest dispatch was heard, noted in the journal, and its step started. */
export interface StepTimes {
  readonly heardMs: number;
  readonly journalMs: number;
  readonly startedMs: number;
}

/** The process that is the fleet, as the benchmark sees it. */
export class Agents {
  report: AgentsReport = {
    joined: 0,
    ended: 0,
    latest: { heardMs: 0, journalMs: 0, startedMs: 0 },
  };
  readonly #child: ChildProcess;
  readonly #watchers = new Set<() => void>();

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on("message", (report: AgentsReport) => {
      this.report = report;
      for (const wake of this.#watchers) wake();
    });
  }

  /** Invites and joins `count` nodes; resolves when the coordinator counts all as connected. */
  static async start(
    mesh: TestMesh,
    { count, slots }: { readonly count: number; readonly slots: number },
  ): Promise<Agents> {
    const { nodes } = mesh.client;
    const joinTokens: string[] = [];
    for (let at = 0; at < count; at++) {
      const invite = { name: `node-${at}`, labels: {} };
      joinTokens.push((await mesh.client.call(nodes, nodes.invite, invite)).joinToken);
    }
    const child = fork(fileURLToPath(new URL("agents-process.mjs", import.meta.url)));
    child.send({ joinTokens, slots } satisfies AgentsSettings);
    const agents = new Agents(child);
    await mesh.until(async () => {
      const reply = await mesh.client.call(nodes, nodes.list, {});
      return reply.nodes.filter((it) => it.state === "connected").length === count;
    }, 120_000);
    return agents;
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  behave(mode: AgentsMode): void {
    this.#child.send(mode);
  }

  /** Resolves at the next report. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#watchers.delete(wake);
        resolve();
      };
      this.#watchers.add(wake);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await ended;
  }
}
