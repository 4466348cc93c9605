import { describe, expect, it } from "vitest";
import { checkSources } from "../../src/workflow/workflow.ts";

const channel = `kind: channel
name: line-alerts
mqtt: { topic: factory/line1/alerts }
`;
const flow = (step: string) => `kind: workflow
name: flow
inputs: { press: {} }
steps:
  - id: tell
    ${step}
`;
const check = (...texts: string[]) =>
  checkSources([{ path: "a.yaml", text: texts.join("---\n") }], () => false);
const problems = (...texts: string[]) => check(...texts).problems;

describe("a publish step", () => {
  it("names a topic, or a channel", () => {
    const topic = flow('publish: { topic: "press/${{ inputs.press }}/speed", payload: 6 }');
    expect(problems(topic)).toEqual([]);
    expect(problems(flow("publish: { channel: line-alerts }"), channel)).toEqual([]);
  });

  it.each([
    ["neither topic nor channel", "publish: { payload: x }"],
    ["both", "publish: { topic: a, channel: line-alerts }"],
    ["a wildcard in its topic", 'publish: { topic: "a/+/b" }'],
    ["a topic of the broker's own", 'publish: { topic: "$SYS/a" }'],
    ["an empty topic", 'publish: { topic: "" }'],
    ["a control character in its topic", 'publish: { topic: "a\\x00" }'],
    ["another QoS", "publish: { topic: a, qos: 3 }"],
  ])("is refused with %s", (_, step) => {
    expect(problems(flow(step), channel).map((it) => it.code)).toEqual(["RESOURCE_INVALID"]);
  });

  it.each([
    "publish: { channel: line-alerts, qos: 1 }",
    "publish: { channel: line-alerts, retain: true }",
    "publish: { topic: a }\n    nodes: { count: 2 }",
    "publish: { topic: a }\n    retry: { limit: 1, move: true }",
    "publish: { topic: a }\n    grants: { services: [] }",
  ])("is refused with a key that would do nothing: %s", (step) => {
    expect(problems(flow(step), channel).map((it) => it.code)).toEqual(["RESOURCE_KEY_UNKNOWN"]);
  });

  it("is told the nearest name of an unknown channel or input", () => {
    expect(problems(flow("publish: { channel: line-alert }"), channel)).toMatchObject([
      { code: "RESOURCE_REFERENCE_UNKNOWN", line: 6, hint: 'Did you mean "line-alerts"?' },
    ]);
    const asks = 'approve: { prompt: "Go?", roles: [operator], notify: [line-alerts, x] }';
    expect(problems(flow(asks), channel)).toMatchObject([
      { code: "RESOURCE_REFERENCE_UNKNOWN", line: 6, message: 'no channel is called "x"' },
    ]);
    expect(problems(flow('publish: { topic: "a/${{ input.press }}" }'))).toMatchObject([
      { code: "EXPRESSION_INVALID", hint: 'Did you mean "inputs"?' },
    ]);
  });

  it("may use a channel that stands already", () => {
    const text = flow("publish: { channel: line-alerts }");
    const known = checkSources([{ path: "a.yaml", text }], (kind) => kind === "channel");
    expect(known.problems).toEqual([]);
  });
});

describe("a channel", () => {
  it("sends at least once and keeps nothing, unless it says otherwise", () => {
    expect(check(channel).resources[0]?.definition).toMatchObject({
      mqtt: { topic: "factory/line1/alerts", qos: 1, retain: false },
    });
  });

  it.each([
    ["no destination", "kind: channel\nname: a\n"],
    ["a wildcard", 'kind: channel\nname: a\nmqtt: { topic: "a/#" }\n'],
    ["a topic of the broker's own", "kind: channel\nname: a\nmqtt: { topic: $SYS }\n"],
    ["no topic", "kind: channel\nname: a\nmqtt: {}\n"],
  ])("is refused with %s", (_, text) => {
    expect(problems(text).map((it) => it.code)).toEqual(["RESOURCE_INVALID"]);
  });

  it("is refused with a key that is none, with the nearest", () => {
    const text = channel.replace("topic:", "topics:");
    expect(problems(text).map((it) => it.code)).toContain("RESOURCE_KEY_UNKNOWN");
  });
});
