import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const service = (name: string) => `kind: service
name: ${name}
base_url: https://${name}.example.com
auth: { type: none }
allow: [{ methods: [POST], path: "/**" }]
`;
const services = `${service("models")}---\n${service("desk")}`;
const agent = (rest = "") => `kind: agent
name: diagnostician
service: models
model: small
instructions: Be brief.
${rest}`;
const tool = (call: string, parameters = "properties: { id: {}, note: {} }, required: [id]") =>
  agent(`tools:
  - name: lookup
    description: Looks it up.
    parameters: { ${parameters} }
    call: { service: desk, ${call} }
`);
const flow = (step: string) => `kind: workflow
name: flow
inputs: { press: {} }
steps:
  - { id: ask, ${step} }
  - { id: after, depends: [ask], run: echo, env: { A: "\${{ steps.ask.output.text }}" } }
`;
const check = (...texts: string[]) =>
  checkSources([{ path: "a.yaml", text: texts.join("---\n") }], () => false);
const problems = (...texts: string[]) => check(services, ...texts).problems;

describe("an agent", () => {
  it("has bounds unless it says otherwise", () => {
    const { resources, problems } = check(services, agent());
    expect(problems).toEqual([]);
    expect(resources.at(-1)?.definition).toMatchObject({
      path: "/v1/chat/completions",
      max_turns: 8,
      max_output_tokens: 1024,
      tools: [],
    });
  });

  it("puts arguments into a tool's path and body", () => {
    const json = '{ a: "${{ args.note }}", b: ["of ${{args.id}}"] }';
    expect(problems(tool(`path: "/t/\${{ args.id }}?x=\${{ args.id }}", json: ${json}`))).toEqual(
      [],
    );
  });

  it.each([
    "max_turns: 0",
    "max_turns: 65",
    "max_output_tokens: 0",
    "max_output_tokens: 1000000",
    "temperature: 3",
    "path: v1",
    "tools: [{ name: a b, description: x, call: { service: desk, path: / } }]",
    "tools: [{ name: a, description: x, call: { service: desk, path: tickets } }]",
    'tools: [{ name: a, description: x, parameters: { properties: { "a-b": {} } }, call: { service: desk, path: / } }]',
    "tools: [{ name: a, description: x, parameters: { type: array }, call: { service: desk, path: / } }]",
  ])("is refused with %s", (rest) => {
    expect(problems(agent(rest)).map((it) => it.code)).toEqual(["RESOURCE_INVALID"]);
  });

  it("is refused with an expression in its instructions or path", () => {
    const text = agent('path: "/${{ inputs.a }}"\n').replace("Be brief.", '"Be ${{ inputs.a }}"');
    expect(problems(text)).toMatchObject([
      { code: "EXPRESSION_INVALID", message: "instructions can hold no expression" },
      { code: "EXPRESSION_INVALID", message: "path can hold no expression" },
    ]);
  });

  it("is told the nearest name of a service that does not stand", () => {
    const lost = tool("path: /")
      .replace("service: models", "service: model")
      .replace("desk", "dusk");
    expect(problems(lost)).toMatchObject([
      { code: "RESOURCE_REFERENCE_UNKNOWN", hint: 'Did you mean "models"?' },
      { code: "RESOURCE_REFERENCE_UNKNOWN", hint: 'Did you mean "desk"?' },
    ]);
  });

  it.each([
    ["another variable", 'path: "/${{ inputs.press }}"', "only whole `${{ args.NAME }}` may stand"],
    ["an expression", 'path: /, json: ["${{ args.id + 1 }}"]', "only whole `${{ args.NAME }}`"],
    ["half an expression", 'path: "/${{ args.id"', "only whole `${{ args.NAME }}` may stand here"],
    ["an optional argument in its path", 'path: "/${{ args.note }}"', "which may be left out"],
  ])("is refused where a tool has %s", (_, call, message) => {
    const found = problems(tool(call));
    expect(found.map((it) => it.code)).toEqual(["EXPRESSION_INVALID"]);
    expect(found[0]?.message).toContain(message);
    const before = [services, tool(call)].join("---\n").split("call:")[0] as string;
    expect(found[0]?.line).toBe(before.split("\n").length);
  });

  it("is told the nearest argument of one that the tool has not", () => {
    const json = 'path: /, json: { a: { b: "${{ args.nota }}" } }';
    expect(problems(tool(json))).toMatchObject([{ hint: 'Did you mean "note"?' }]);
    expect(problems(tool("path: /", "properties: { id: {} }, required: [ide]"))).toMatchObject([
      { code: "EXPRESSION_INVALID", hint: 'Did you mean "id"?' },
    ]);
  });

  it("is refused with two tools of one name", () => {
    const one = "{ name: a, description: x, call: { service: desk, path: / } }";
    expect(problems(agent(`tools: [${one}, ${one}]`))).toMatchObject([
      { code: "RESOURCE_INVALID", message: "another tool is called so" },
    ]);
  });
});

describe("an agent step", () => {
  it.each([
    "agent: diagnostician, prompt: Why?",
    'agent: diagnostician, prompt: "Why ${{ inputs.press }}?", with: { a: "${{ inputs.press }}" }',
    "agent: diagnostician, prompt: Why?, nodes: { count: all }, timeout: 1m, budget: 1 USD",
    "agent: diagnostician, prompt: Why?, retry: { limit: 1 }, outputs: { types: { text: string } }",
    "agent: diagnostician, prompt: Why?, limits: { memory: 64MiB }, requires: { arch: x86_64 }",
  ])("is accepted: %s", (step) => {
    expect(problems(agent(), flow(step))).toEqual([]);
  });

  it.each([
    ["without a prompt", "agent: diagnostician", "RESOURCE_INVALID"],
    ["with grants", "agent: diagnostician, prompt: a, grants: {}", "RESOURCE_KEY_UNKNOWN"],
    ["with env", "agent: diagnostician, prompt: a, env: {}", "RESOURCE_KEY_UNKNOWN"],
    [
      "with a cache",
      "agent: diagnostician, prompt: a, cache: { key: a, ttl: 1h }",
      "RESOURCE_KEY_UNKNOWN",
    ],
    ["with a shell", "agent: diagnostician, prompt: a, shell: sh", "RESOURCE_KEY_UNKNOWN"],
    ["with artifacts", "agent: diagnostician, prompt: a, artifacts: {}", "RESOURCE_KEY_UNKNOWN"],
    [
      "with an output on stdout",
      "agent: diagnostician, prompt: a, outputs: { from: stdout }",
      "RESOURCE_KEY_UNKNOWN",
    ],
    [
      "with a prompt that reads what is not there",
      'agent: diagnostician, prompt: "${{ steps.after.output }}"',
      "EXPRESSION_INVALID",
    ],
  ])("is refused %s", (_, step, code) => {
    expect(problems(agent(), flow(step)).map((it) => it.code)).toEqual([code]);
  });

  it.each([
    "run: echo",
    "script: x",
    "call: { service: desk, path: / }",
    "sleep: 1s",
    "workflow: flow2",
  ])("alone may have a prompt: %s", (step) => {
    const flow2 = "kind: workflow\nname: flow2\nsteps: [{ id: a, run: echo }]\n";
    const text = `kind: workflow\nname: flow\nsteps: [{ id: a, ${step}, prompt: Why? }]\n`;
    expect(problems(text, flow2)).toMatchObject([
      { code: "RESOURCE_KEY_UNKNOWN", message: expect.stringContaining('"prompt" means nothing') },
    ]);
  });

  it("is told the nearest agent, and what its output has", () => {
    expect(problems(agent(), flow("agent: diagnosticain, prompt: Why?"))).toMatchObject([
      { code: "RESOURCE_REFERENCE_UNKNOWN", hint: 'Did you mean "diagnostician"?' },
    ]);
    const text = flow("agent: diagnostician, prompt: Why?").replace("output.text", "output.texts");
    expect(problems(agent(), text)).toMatchObject([{ hint: 'Did you mean "text"?' }]);
  });
});

describe("a budget of an agent", () => {
  const budget = (scope: string) =>
    `kind: budget\nname: b\nscope: ${scope}\nwindow: day\nlimit: 1 USD\n`;

  it("is of one that stands", () => {
    expect(problems(agent(), budget("agent/diagnostician"))).toEqual([]);
    expect(problems(agent(), budget("agent/other"))).toMatchObject([
      { code: "RESOURCE_REFERENCE_UNKNOWN", message: 'no agent is called "other"' },
    ]);
  });
});
