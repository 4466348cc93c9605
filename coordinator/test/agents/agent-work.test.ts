import { describe, expect, it } from "vitest";
import { agentSource } from "../../src/agents/agent-source.ts";
import { workflowAt } from "../../src/catalogue/catalogue.ts";
import { workFor } from "../../src/scheduler/work.ts";
import type { CompiledStep } from "../../src/workflow/compile.ts";
import { createWorld } from "../scheduler/world.ts";

const service = (name: string) => `kind: service
name: ${name}
base_url: https://${name}.example.com
auth: { type: none }
allow: [{ methods: [POST], path: "/**" }]
`;
const agent = (model: string) => `kind: agent
name: diagnostician
service: models
model: ${model}
instructions: Be brief.
tools:
  - { name: file, description: Files it., call: { service: desk, path: / } }
  - { name: list, description: Lists all., call: { service: desk, path: / } }
`;
const flow = `kind: workflow
name: flow
inputs: { press: {} }
steps:
  - id: ask
    agent: diagnostician
    prompt: "Why \${{ inputs.press }}?"
    with: { press: "\${{ inputs.press }}" }
`;
const text = [service("models"), service("desk"), agent("first"), flow].join("---\n");

async function begin() {
  const world = createWorld(text);
  await world.apply();
  await world.addNode("node-a");
  const { run } = await world.start("flow", "", { press: "${{ secrets }}" });
  const work = () => {
    const found = world.runOf(run);
    const step = workflowAt(world.state.catalogue, found.version).steps.get("ask") as CompiledStep;
    const instance = found.steps.get("ask")?.instances[0];
    const node = world.state.fleet.nodes.get("node-a");
    if (instance === undefined || node === undefined) throw new Error("nothing is scheduled");
    return workFor(found, step, instance, node, world.state.artifacts);
  };
  return { world, run, work };
}

describe("what a board is told of an agent step", () => {
  it("is a script, granted the agent's services and no others", async () => {
    const { work } = await begin();
    expect(work().work).toEqual({ $case: "script", value: { source: agentSource } });
    expect(work().services).toEqual([{ service: "models" }, { service: "desk" }]);
  });

  it("has what the run gives as data, never evaluated again", async () => {
    const { work } = await begin();
    expect(JSON.parse(work().withJson)).toMatchObject({
      model: "first",
      prompt: "Why ${{ secrets }}?",
      data: { press: "${{ secrets }}" },
      maxTurns: 8,
      maxOutputTokens: 1024,
      temperature: null,
    });
  });

  it("is of the version that stood when the run started", async () => {
    const { world, work } = await begin();
    await world.apply(text.replace("first", "the second"));
    expect(JSON.parse(work().withJson)).toMatchObject({ model: "first" });
    const { run } = await world.start("flow", "", { press: "p1" });
    expect(world.runOf(run).agents.get("diagnostician")).toMatchObject({ model: "the second" });
  });

  it("is the same after a restart", async () => {
    const { world, work, run } = await begin();
    const again = createWorld(text, world.log, world.recorded);
    expect(again.runOf(run).agents).toEqual(world.runOf(run).agents);
    expect(JSON.parse(work().withJson)).toMatchObject({ model: "first" });
  });
});
