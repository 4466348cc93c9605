import { Facts } from "@cohort/proto/gen/cohort/node";
import { describe, expect, it } from "vitest";
import { decideLabel } from "../../src/fleet/decide-label.ts";
import { decideFacts } from "../../src/fleet/decide-presence.ts";
import { worldWith } from "./world.ts";

const flow = (select: string) => `kind: workflow
name: flow
steps:
  - { id: one, nodes: { select: ${JSON.stringify(select)} }, run: "true" }
`;

const told = (more: Partial<Facts>) =>
  Facts.fromPartial({ arch: "x86_64", isolation: "standard", slots: 4, ...more });

type World = Awaited<ReturnType<typeof worldWith>>;

const say = (world: World, more: Partial<Facts>) =>
  world.writer.decide(({ fleet }) => decideFacts(fleet, "node-a", told(more)));

describe("a selector that reads facts", () => {
  it.each([
    [
      "a device that is plugged in",
      `"iio:accel0" in node.facts.devices`,
      { devices: ["iio:accel0"] },
    ],
    [
      "a model that was put there",
      `node.facts.models.exists(it, it.startsWith("llama"))`,
      { models: ["llama.gguf"] },
    ],
    ["a temperature that fell", "node.facts.temperature_celsius < 60", { temperatureCelsius: 55 }],
    [
      "a disk that has room",
      "node.facts.disk_free_bytes > 1000 && node.facts.cores == 2",
      { diskFreeBytes: 2000, cores: 2 },
    ],
  ])("waits for %s", async (_what, select, facts) => {
    const it = await worldWith(flow(select), { "node-a": {} });
    await say(it, { temperatureCelsius: 80 });
    await it.start("flow");
    expect(it.open()).toEqual([]);
    await say(it, facts);
    expect(it.open()).toEqual(["one[0]#1@node-a"]);
  });

  it("takes no node whose reading moved away", async () => {
    const it = await worldWith(flow("node.facts.temperature_celsius < 60"), { "node-a": {} });
    await say(it, { temperatureCelsius: 50 });
    await it.start("flow");
    expect(it.open()).toHaveLength(1);
    await say(it, { temperatureCelsius: 70 });
    await it.start("flow");
    expect(it.open()).toHaveLength(1);
  });

  it("sees the label that an operator set in place of a fact", async () => {
    const it = await worldWith(flow("node.facts.cores >= 8"), { "node-a": {} });
    await it.start("flow");
    expect(it.open()).toEqual([]);
    const request = { node: "node-a", set: { cores: "8" }, remove: [], actor: "operator" };
    await it.writer.decide(({ fleet }) => decideLabel(fleet, request));
    expect(it.open()).toHaveLength(1);
  });

  it("follows labels that change", async () => {
    const it = await worldWith(flow('node.labels.line == "3"'), { "node-a": { line: "2" } });
    await it.start("flow");
    expect(it.open()).toEqual([]);
    const request = { node: "node-a", set: { line: "3" }, remove: [], actor: "operator" };
    await it.writer.decide(({ fleet }) => decideLabel(fleet, request));
    expect(it.open()).toHaveLength(1);
  });
});
