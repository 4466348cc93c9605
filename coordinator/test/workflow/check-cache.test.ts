import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const check = (step: string) => {
  const text = `kind: workflow
name: flow
inputs: { lot: { default: a } }
steps:
  - { id: sample, ${step} }
`;
  return checkSources([{ path: "flow.yaml", text }], () => true).problems;
};
const cache = (key: string, rest = "ttl: 1h") => `cache: { key: '${key}', ${rest} }`;

describe("a cache", () => {
  it.each([
    `run: x, ${cache("${{ inputs.lot }}-1")}`,
    `for_each: [1], run: x, ${cache("${{ item }}")}`,
    `call: { service: desk, path: /x }, ${cache("x")}`,
    `call: { service: desk, path: /x, method: POST }, ${cache("x", "ttl: 1h, side_effects: true")}`,
  ])("is accepted: %s", (step) => expect(check(step)).toEqual([]));

  it.each([
    ["reads what is not there", `run: x, ${cache("${{ inputs.lto }}")}`, "EXPRESSION_INVALID"],
    ["reads its node", `run: x, ${cache("${{ node.name }}")}`, "EXPRESSION_INVALID"],
    ["has no time", "run: x, cache: { key: x }", "RESOURCE_INVALID"],
    ["has none of its time", `run: x, ${cache("x", "ttl: 0s")}`, "RESOURCE_INVALID"],
    ["lasts too long", `run: x, ${cache("x", "ttl: 721h")}`, "RESOURCE_INVALID"],
    ["is of a sleep", `sleep: 1s, ${cache("x")}`, "RESOURCE_KEY_UNKNOWN"],
    [
      "would leave out a call that may change something",
      `call: { service: desk, path: /x, method: POST }, ${cache("x")}`,
      "RESOURCE_KEY_UNKNOWN",
    ],
    [
      "allows side effects where there are none",
      `run: x, ${cache("x", "ttl: 1h, side_effects: true")}`,
      "RESOURCE_KEY_UNKNOWN",
    ],
  ])("is refused when it %s", (_title, step, code) => {
    expect(check(step)).toMatchObject([{ code }]);
  });
});
