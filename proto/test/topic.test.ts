import { describe, expect, it } from "vitest";
import { evaluatedTopicFault, topicFault, topicTemplateFault } from "../src/topic.ts";

describe("a topic to publish to", () => {
  it.each(["a", "factory/line1/press/p1/speed", "/a//b/", "größe/€", "a b"])(
    "may be %j",
    (topic) => {
      expect(topicFault(topic)).toBeNull();
    },
  );

  it.each([
    ["", "empty"],
    ["$SYS/broker", "broker's own"],
    ["$share/g/a", "broker's own"],
    ["a/+/b", "many topics"],
    ["a/#", "many topics"],
    ["a+b", "many topics"],
    ["a\0b", "cannot be seen"],
    ["a\nb", "cannot be seen"],
    ["a\u202eb", "cannot be seen"],
    ["a\ud800", "cannot be seen"],
    ["ü".repeat(257), "longer than 512 bytes"],
    ["/".repeat(32), "more than 32 levels"],
  ])("may not be %j", (topic, why) => {
    expect(topicFault(topic)).toContain(why);
  });
});

describe("a topic with expressions", () => {
  it("is refused beforehand for what no value can mend", () => {
    expect(topicTemplateFault("a/${{ inputs.a + '+' }}/b")).toBeNull();
    expect(topicTemplateFault("a/${{ inputs.a }}/+")).toContain("many topics");
    expect(topicTemplateFault("$SYS/${{ inputs.a }}")).toContain("broker's own");
  });

  it("is refused when a value among other text adds a level", () => {
    const template = "factory/${{ inputs.line }}/speed";
    expect(evaluatedTopicFault(template, "factory/line1/speed")).toBeNull();
    expect(evaluatedTopicFault(template, "factory/x/../speed")).toContain("another topic");
    expect(evaluatedTopicFault(template, "factory/+/speed")).toContain("many topics");
  });

  it("may be one expression as a whole, of any levels", () => {
    expect(evaluatedTopicFault("${{ inputs.topic }}", "a/b/c")).toBeNull();
    expect(evaluatedTopicFault("${{ inputs.topic }}", "$SYS/a")).toContain("broker's own");
    expect(evaluatedTopicFault("${{ inputs.topic }}", "")).toContain("empty");
  });
});
