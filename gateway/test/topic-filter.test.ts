import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { covers, isTopicFilter, isTopicName } from "../src/topic-filter.ts";

describe("covers, of a topic", () => {
  // The examples of MQTT 5 §4.7.
  it.each([
    ["sport/tennis/player1/#", "sport/tennis/player1", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/ranking", true],
    ["sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true],
    ["sport/#", "sport", true],
    ["#", "sport/tennis", true],
    ["sport/tennis/+", "sport/tennis/player1", true],
    ["sport/tennis/+", "sport/tennis/player1/ranking", false],
    ["sport/+", "sport", false],
    ["sport/+", "sport/", true],
    ["+/+", "/finance", true],
    ["/+", "/finance", true],
    ["+", "/finance", false],
    ["#", "$SYS/broker", false],
    ["+/broker", "$SYS/broker", false],
    ["$SYS/#", "$SYS/broker", true],
    ["a/b", "a/B", false],
    ["a/b", "a/b/c", false],
    ["a/b/c", "a/b", false],
  ])("says of %s and %s: %s", (filter, topic, expected) => {
    expect(covers(filter, topic)).toBe(expected);
  });
});

describe("covers, of a filter", () => {
  it.each([
    ["a/#", "#", false],
    ["a/+", "a/#", false],
    ["a/+", "+/b", false],
    ["+/b", "a/b", true],
    ["a/#", "a/+/c", true],
    ["a/+/c", "a/#", false],
    ["a/+", "a/+", true],
    ["#", "#", true],
    ["#", "$share/group/a", false],
    ["+/#", "$SYS/#", false],
  ])("says whether %s allows a subscription to %s: %s", (allowed, requested, expected) => {
    expect(covers(allowed, requested)).toBe(expected);
  });

  const level = fc.constantFrom("a", "b", "", "$x");
  const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join("/"));
  const filter = fc
    .tuple(
      fc.array(fc.oneof(level, fc.constant("+")), { minLength: 1, maxLength: 4 }),
      fc.boolean(),
    )
    .map(([levels, open]) => [...levels, ...(open ? ["#"] : [])].join("/"));

  it("never allows a subscription that could bring a topic which the allowed filter does not", () => {
    fc.assert(
      fc.property(filter, filter, topic, (allowed, requested, message) => {
        fc.pre(isTopicFilter(allowed) && isTopicFilter(requested) && isTopicName(message));
        fc.pre(covers(allowed, requested) && covers(requested, message));
        expect(covers(allowed, message)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});

describe("isTopicFilter", () => {
  it.each(["a#", "#/a", "a/#/b", "a+", "+a/b", "", "a\0b"])("refuses %j", (text) => {
    expect(isTopicFilter(text)).toBe(false);
  });

  it.each(["#", "+", "a/+/b/#", "/", "a//b"])("accepts %j", (text) => {
    expect(isTopicFilter(text)).toBe(true);
  });
});
