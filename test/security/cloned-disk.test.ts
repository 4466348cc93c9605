import { cpSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ledgerEntries } from "../kit/ledger-entries.ts";
import { TestMesh } from "../kit/mesh.ts";
import { RogueNode } from "../kit/rogue-node.ts";

let mesh: TestMesh;

beforeAll(async () => {
  mesh = await TestMesh.start();
});
afterAll(() => mesh?.stop());

async function stateOf(name: string): Promise<string | undefined> {
  const { nodes } = await mesh.client.call(mesh.client.nodes, mesh.client.nodes.list, {});
  return nodes.find(({ node }) => node === name)?.state;
}

async function quarantines(name: string): Promise<number> {
  return (await ledgerEntries(mesh)).filter(
    ({ event }) => event?.$case === "nodeQuarantined" && event.value.node === name,
  ).length;
}

describe("an agent's data folder on two machines", () => {
  it("is found out: neither is heard, both are cut off, and the console says why", async () => {
    await mesh.startAgents({ "press-01": {}, "press-02": {} });
    const data = join(mesh.home, "nodes");
    await mesh.program("press-01").kill("SIGKILL");
    // A killed agent leaves its socket behind, which nothing can copy.
    const filter = (path: string) => !path.endsWith(".sock");
    cpSync(join(data, "press-01"), join(data, "copy"), { recursive: true, filter });
    await mesh.program("press-01").start();
    const copy = mesh.runAgent("copy", join(data, "copy"));
    await copy.start();
    await mesh.until(async () => (await stateOf("press-01")) === "quarantined");
    const refused = /refused the credential/;
    for (const name of ["press-01", "copy"]) {
      await mesh.until(async () => refused.test(mesh.program(name).log));
    }
    expect(await quarantines("press-01")).toBe(1);
    const { stdout } = await mesh.cohort("node", "show", "press-01");
    expect(stdout).toMatch(/^state +quarantined$/m);
    expect(stdout).toContain("two machines use its keys");
    expect(stdout).toContain("cohort node invite --name press-01");
    expect(await stateOf("press-02")).toBe("connected");
  });

  it("is no suspicion against an agent that is killed and started over and over", async () => {
    for (let count = 0; count < 4; count++) {
      await mesh.program("press-02").kill("SIGKILL");
      await mesh.program("press-02").start();
    }
    await mesh.until(async () => (await stateOf("press-02")) === "connected");
    expect(await quarantines("press-02")).toBe(0);
  });
});

describe("a node's keys in two hands", () => {
  it("serve neither once both have spoken, and their connections end", async () => {
    const honest = await RogueNode.start(mesh, "press-03");
    const thief = await honest.copy(mesh);
    try {
      expect((await thief.hello()).problems).toEqual([]);
      const { problems, userJwt } = await honest.hello();
      expect(problems[0]?.code).toBe("NODE_QUARANTINED");
      expect(userJwt).toBe("");
      await Promise.all([honest, thief].map(({ bus }) => bus.connection.closed()));
      expect(await quarantines("press-03")).toBe(1);
    } finally {
      await honest.close();
      await thief.close();
    }
  });
});
