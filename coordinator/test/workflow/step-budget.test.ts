import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const codes = (step: string) => {
  const text = `kind: workflow\nname: flow\nsteps:\n  - { id: a, budget: 0.05 USD, ${step} }\n`;
  const { problems } = checkSources([{ path: "a.yaml", text }], () => true);
  return problems.map((it) => it.code);
};

describe("a step's budget", () => {
  it.each([
    "call: { service: desk, path: /tickets }",
    "run: x, grants: { services: [desk] }",
    "workflow: other",
    "script: x, grants: { services: [desk] }",
  ])("bounds what it can spend: %s", (step) => {
    expect(codes(step)).toEqual([]);
  });

  it.each([
    "run: x",
    "sleep: 1s",
    "publish: { topic: a }",
    "approve: { prompt: Go, roles: [operator] }",
  ])("is refused where nothing can be spent: %s", (step) => {
    expect(codes(step)).toEqual(["RESOURCE_KEY_UNKNOWN"]);
  });
});
