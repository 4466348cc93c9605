import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const step = (approve: string, keys = "") => `kind: workflow
name: flow
steps:
  - id: ask
    approve: ${approve}
    ${keys}
`;
const problems = (text: string) => checkSources([{ path: "a.yaml", text }], () => true).problems;
const good = `{ prompt: "Go?", roles: [operator, approver] }`;

describe("an approve step", () => {
  it("asks any of its roles, for a day unless it says otherwise", () => {
    const { resources } = checkSources([{ path: "a.yaml", text: step(good) }], () => true);
    const definition = resources[0]?.definition;
    expect(definition).toMatchObject({
      steps: [{ approve: { roles: ["operator", "approver"], timeout: 86_400_000 } }],
    });
  });

  it.each([
    ["no role", `{ prompt: "Go?", roles: [] }`],
    ["no roles at all", `{ prompt: "Go?" }`],
    ["a role that is no person's", `{ prompt: "Go?", roles: [gateway] }`],
    ["a role twice", `{ prompt: "Go?", roles: [operator, operator] }`],
    ["no prompt", `{ prompt: "", roles: [operator] }`],
    ["invisible characters in its prompt", `{ prompt: "Go\\u202e?", roles: [operator] }`],
    ["an escape sequence in its prompt", `{ prompt: "\\e[2J", roles: [operator] }`],
  ])("is refused with %s", (_, approve) => {
    expect(problems(step(approve)).map((it) => it.code)).toEqual(["RESOURCE_INVALID"]);
  });

  it("is told which names its prompt may read", () => {
    const text = step(`{ prompt: "\${{ input.press }}", roles: [operator] }`);
    expect(problems(text)).toMatchObject([
      { code: "EXPRESSION_INVALID", line: 5, hint: 'Did you mean "inputs"?' },
    ]);
  });

  it.each([
    "timeout: 5m",
    "nodes: { count: 2 }",
    "env: { A: b }",
    "limits: { pids: 8 }",
    "requires: { arch: arm64 }",
    "on_disconnect: fail",
    "retry: { limit: 1, move: true }",
    "retry: { limit: 1, on: [APPROVAL_DENIED] }",
  ])("is refused with `%s`, which would do nothing", (keys) => {
    expect(problems(step(good, keys)).map((it) => it.code)).toContain("RESOURCE_KEY_UNKNOWN");
  });
});
