import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { TestMesh } from "../kit/mesh.ts";
import { RogueNode } from "../kit/rogue-node.ts";

const step = (keys: string) =>
  `  - { id: work, nodes: { select: 'node.name == "silent"' }, command: ["true"], ${keys} }\n`;
const workflows = `kind: workflow
name: bounded
timeout: 3s
steps:
${step("timeout: 1s")}---
kind: workflow
name: open
steps:
${step("timeout: 1m")}---
kind: workflow
name: honest
steps:
  - { id: work, nodes: { select: 'node.name == "press-01"' }, run: "true" }
`;

let mesh: TestMesh;
let rogue: RogueNode;

beforeAll(async () => {
  mesh = await TestMesh.start();
  await mesh.apply([{ path: "silent.yaml", text: workflows }]);
  await mesh.startAgents({ "press-01": {} });
  rogue = await RogueNode.start(mesh, "silent");
});
afterAll(async () => {
  await rogue?.close();
  await mesh?.stop();
});

describe("a node that accepts and never finishes (121)", () => {
  it("keeps a run no longer than the run's own timeout", async () => {
    const run = await mesh.run("bounded");
    await rogue.assigned(run, "work");
    const ended = await mesh.ended(run);
    expect(ended).toMatchObject({ state: "failed" });
    expect(ended.reason).toContain("RUN_TIMEOUT");
  });

  it("keeps nothing from others, can be told apart, and loses all by its revocation", async () => {
    const run = await mesh.run("open");
    await rogue.assigned(run, "work");
    expect(await mesh.ended(await mesh.run("honest"))).toMatchObject({ state: "succeeded" });
    const { stdout } = await mesh.cohort("run", "explain", run, "work");
    expect(stdout).toContain("silent");
    const { nodes } = mesh.client;
    const command = { node: "silent", reason: "it never finishes" };
    const { ended } = await mesh.client.call(nodes, nodes.revoke, command);
    expect(ended.map((it) => [it.run, it.step])).toEqual([[run, "work"]]);
  });
});
