import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { subjects } from "@cohort/proto/subjects";
import { Pool } from "undici";
import { certificates } from "../../../deploy/examples/maintenance/certificates.ts";
import { TestMesh } from "../../kit/mesh.ts";
import { RogueNode } from "../../kit/rogue-node.ts";
import { preciseNowMs, usageOf } from "../scheduler/processes.ts";
import type { Result } from "../table.ts";
import { BenchCall } from "./bench-call.ts";

/** Below what the coordinator takes of one node, and of all. */
const openMax = 64;

/** Calls before anything is measured, by which V8 has compiled what they run through. */
const warmUpCalls = 10_000;

interface Caller {
  readonly node: RogueNode;
  readonly token: string;
  /** By the last part of their inbox, which is the call's number too. */
  readonly open: Map<number, BenchCall>;
  seq: number;
}

export type ProgramTimes = Readonly<
  Record<"coordinator" | "natsServer" | "service" | "nodes", number>
>;

/** What each program took between two times, for each of so many. */
export function timesEach(before: ProgramTimes, after: ProgramTimes, count: number): Result[] {
  const row = (what: string, program: keyof ProgramTimes) => ({
    what: `  ${what}`,
    unit: "ms",
    value: (after[program] - before[program]) / count,
  });
  return [
    row("coordinator", "coordinator"),
    row("nats-server", "natsServer"),
    row("the service", "service"),
    row("nodes and benchmark", "nodes"),
  ];
}

/** A mesh, nodes that do nothing but call, and a service in a process of its own. */
export class CallBench {
  readonly #mesh: TestMesh;
  readonly #upstream: ChildProcess;
  readonly #pool: Pool;
  readonly #callers: Caller[];

  private constructor(mesh: TestMesh, upstream: ChildProcess, pool: Pool, callers: Caller[]) {
    this.#mesh = mesh;
    this.#upstream = upstream;
    this.#pool = pool;
    this.#callers = callers;
  }

  static async start(nodes: number): Promise<CallBench> {
    const mesh = await TestMesh.start();
    const folder = join(mesh.home, "upstream");
    mkdirSync(folder);
    const { ca, certificate, key } = await certificates(folder, Date.now());
    const files = { "bench.pem": certificate, "bench-key.pem": key };
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const program = fileURLToPath(new URL("upstream-process.mjs", import.meta.url));
    const upstream = fork(
      program,
      Object.keys(files).map((name) => join(folder, name)),
    );
    const [port] = (await once(upstream, "message")) as [number];
    const { secrets } = mesh.client;
    const value = Buffer.from(mesh.apiKey);
    await mesh.client.call(secrets, secrets.set, { path: "bench/key", value, services: ["bench"] });
    await mesh.apply([
      { path: "bench.yaml", text: resources(port) },
      { path: "ca.pem", text: ca },
    ]);
    const callers = await Promise.all(
      Array.from({ length: nodes }, async (_, at) => {
        const node = await RogueNode.start(mesh, `caller-${at}`);
        const run = await mesh.run("bench", { node: node.name });
        const { token } = await node.assigned(run, "call");
        if (token === null) throw new Error("the dispatch brought no token");
        const open = new Map<number, BenchCall>();
        node.bus.connection.subscribe(inboxOf(node, "*"), {
          callback: (_, message) =>
            open.get(Number(message.subject.split(".").at(-1)))?.hear(message),
        });
        return { node, token: token.token, open, seq: 0 };
      }),
    );
    const pool = new Pool(`https://localhost:${port}`, { connect: { ca }, connections: 16 });
    return new CallBench(mesh, upstream, pool, callers);
  }

  /** Processor time that every program of the benchmark has taken so far, in milliseconds. */
  cpuMs(): ProgramTimes {
    const of = (program: string) => usageOf(this.#mesh.program(program).pid).cpuMs;
    return {
      coordinator: of("coordinator"),
      natsServer: of("nats-server"),
      service: usageOf(this.#upstream.pid as number).cpuMs,
      nodes: usageOf(process.pid).cpuMs,
    };
  }

  async stop(): Promise<void> {
    for (const { node } of this.#callers) await node.close();
    await this.#pool.destroy();
    this.#upstream.kill();
    await this.#mesh.stop();
  }

  async warmUp(atOnce: number): Promise<void> {
    for (let count = 0; count < warmUpCalls; ) count += await this.full(1, atOnce);
  }

  /** As many calls as there can be; gives how many there were. */
  async full(seconds: number, atOnce: number): Promise<number> {
    const endMs = performance.now() + seconds * 1000;
    let count = 0;
    const loops = this.#callers.flatMap((_, at) =>
      Array.from({ length: atOnce }, async () => {
        while (performance.now() < endMs) {
          await this.proxied(at);
          count += 1;
        }
      }),
    );
    await Promise.all(loops);
    return count;
  }

  /**
   * One call after the other at their times, whether the former has ended or not; milliseconds of each from
   * when it was due. A machine that does not keep up has so many open at most, and the rest wait.
   */
  async steady(
    perSecond: number,
    seconds: number,
    call: (node: number) => Promise<void>,
  ): Promise<number[]> {
    const beginMs = preciseNowMs() + 50;
    const took: number[] = [];
    const open = new Set<Promise<void>>();
    for (let at = 0; at < perSecond * seconds; at += 1) {
      const dueMs = beginMs + (at * 1000) / perSecond;
      while (preciseNowMs() < dueMs) await new Promise((resolve) => setTimeout(resolve, 1));
      while (open.size >= openMax) await Promise.race(open);
      const ended = call(at % this.#callers.length).then(() => {
        took.push(preciseNowMs() - dueMs);
        open.delete(ended);
      });
      open.add(ended);
    }
    await Promise.all(open);
    return took;
  }

  async direct(): Promise<void> {
    const body = '{"title":"direct"}';
    const answer = await this.#pool.request({ method: "POST", path: "/calls", body });
    await answer.body.dump();
  }

  async proxied(node: number): Promise<void> {
    await this.#ask(node, { path: "/calls" });
  }

  /** An answer of so many bytes to every node at once. */
  async answers(bytes: number): Promise<void> {
    const rest = { method: "GET", path: `/bytes/${bytes}`, headers: [], body: Buffer.alloc(0) };
    const asked = this.#callers.map(async (_, at) => {
      const came = await this.#ask(at, rest);
      if (came !== bytes) throw new Error(`${came} bytes came of ${bytes}`);
    });
    await Promise.all(asked);
  }

  async #ask(at: number, rest: Parameters<RogueNode["request"]>[2]): Promise<number> {
    const caller = this.#callers[at] as Caller;
    caller.seq += 1;
    const { node, token, open, seq } = caller;
    const request = node.request(token, seq, { service: "bench", ...rest });
    const call = new BenchCall(node, inboxOf(node, seq), request);
    open.set(seq, call);
    try {
      return await call.ended;
    } finally {
      open.delete(seq);
    }
  }
}

/** Beside those of the node's own calls. */
function inboxOf({ name, instance }: RogueNode, call: number | "*"): string {
  return subjects.callInbox(name, `${instance}-bench`, call);
}

function resources(port: number): string {
  return `kind: service
name: bench
base_url: https://localhost:${port}
ca_file: ca.pem
addresses: ["127.0.0.0/8", "::1/128"]
auth: { type: bearer, secret: bench/key }
allow: [{ methods: [GET, POST], path: /** }]
pricing: { per_call: 0.000001 USD }
limits: { timeout: 4m, response: 64 MiB }
---
kind: budget
name: bench
scope: mesh
window: day
limit: 1000 USD
---
kind: workflow
name: bench
inputs:
  node: { type: string }
steps:
  - id: call
    nodes: { select: "node.name == inputs.node" }
    command: ["true"]
    grants: { services: [bench] }
`;
}
