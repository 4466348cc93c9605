import type { ErrorCode } from "@cohort/proto/errors";
import type { AttemptKey, ProxyReply, ProxyRequest } from "@cohort/proto/gen/cohort/node";
import { expect } from "vitest";
import { Desk } from "../kit/desk.ts";
import { refusalsOf } from "../kit/ledger-entries.ts";
import { type MeshOptions, TestMesh } from "../kit/mesh.ts";
import { RogueNode } from "../kit/rogue-node.ts";

/** A run of the probe workflow: the attempt of its step "ask", and that step's token. */
export interface Assigned {
  readonly run: string;
  readonly attempt: AttemptKey;
  readonly token: string;
}

/** A mesh with a desk that wants its key, and a workflow that gives a rogue node a token for it. */
export class Probe {
  readonly #nodes: RogueNode[] = [];

  private constructor(
    readonly mesh: TestMesh,
    readonly desk: Desk,
  ) {}

  static async start(options: MeshOptions = {}): Promise<Probe> {
    const mesh = await TestMesh.start(options);
    try {
      const probe = new Probe(mesh, await Desk.start(mesh));
      await mesh.apply([{ path: "probe.yaml", text: workflow }]);
      return probe;
    } catch (error) {
      await mesh.stop();
      throw error;
    }
  }

  async stop(): Promise<void> {
    for (const node of this.#nodes) await node.close();
    await this.desk.stop();
    await this.mesh.stop();
  }

  async node(name: string): Promise<RogueNode> {
    const node = await RogueNode.start(this.mesh, name);
    this.#nodes.push(node);
    return node;
  }

  /** Runs the workflow on the node; gives what it was told to do in step "ask", and the token for it. */
  async assign(node: RogueNode): Promise<Assigned> {
    const run = await this.mesh.run("probe", { node: node.name });
    const { attempt, token } = await node.assigned(run, "ask");
    if (token === null) throw new Error("the dispatch brought no token");
    return { run, attempt, token: token.token };
  }

  /** The call is refused with the code, nothing reaches the desk, and the ledger says so. */
  async expectRefused(node: RogueNode, request: ProxyRequest, code: ErrorCode): Promise<void> {
    const [reached, recorded] = [this.desk.requests.length, await this.refusals(node)];
    expect(codeOf(await node.proxy(request))).toBe(code);
    expect(this.desk.requests).toHaveLength(reached);
    expect(await this.refusals(node)).toEqual([...recorded, code]);
  }

  /** The call reaches the desk: without it, a test of refusals would prove nothing. */
  async expectServed(node: RogueNode, request: ProxyRequest): Promise<void> {
    const reached = this.desk.requests.length;
    expect(codeOf(await node.proxy(request))).toBe("201");
    expect(this.desk.requests).toHaveLength(reached + 1);
    expect(this.desk.requests.at(-1)?.headers["x-api-key"]).toBe(this.mesh.apiKey);
  }

  /** Codes of the node's refused calls that the ledger has. */
  async refusals(node: RogueNode): Promise<string[]> {
    return (await refusalsOf(this.mesh, node.name)).map(({ code }) => code);
  }
}

/** The code of the refusal, or the upstream's status. */
export function codeOf({ problems, status }: ProxyReply): string {
  return problems[0]?.code ?? String(status);
}

/** Two steps at once on a node that the run names; the first may call the desk, the second may not. */
const workflow = `kind: workflow
name: probe
inputs:
  node: { type: string }
steps:
  - id: ask
    nodes: { select: "node.name == inputs.node" }
    command: ["true"]
    grants: { services: [desk] }
    retry: { limit: 1 }
  - id: idle
    nodes: { select: "node.name == inputs.node" }
    command: ["true"]
`;
