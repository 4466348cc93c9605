import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

function problemsOf(trigger: string) {
  const text = `kind: workflow
name: press
on:
  mqtt:
    - { topic: factory/+/vibration, ${trigger} }
steps: [{ id: a, run: uptime }]
`;
  return checkSources([{ path: "press.yaml", text }], () => true).problems;
}

describe("an MQTT trigger", () => {
  it.each([
    ['key: "${{ event.topic[1] }}", debounce: 30s'],
    ['key: "${{ event.topic[1] }}/${{ event.payload.part }}"'],
    ["debounce: 1d"],
  ])("may have %s", (trigger) => {
    expect(problemsOf(trigger)).toEqual([]);
  });

  it.each([
    ['key: "${{ inputs.press }}"', "EXPRESSION_INVALID", 'unknown name "inputs"'],
    ['key: "${{ event.topic[ }}"', "EXPRESSION_INVALID", ""],
    ['key: ""', "RESOURCE_INVALID", ""],
    ["debounce: 0s", "RESOURCE_INVALID", "between 1ms and 1d"],
    ["debounce: 25h", "RESOURCE_INVALID", "between 1ms and 1d"],
    ["debounce: soon", "RESOURCE_INVALID", "must be a duration"],
    ["debonce: 1s", "RESOURCE_KEY_UNKNOWN", "debonce"],
  ])("may not have %s, and is shown where", (trigger, code, message) => {
    expect(problemsOf(trigger)).toMatchObject([
      { code, message: expect.stringContaining(message), file: "press.yaml", line: 5 },
    ]);
  });
});
