import { limits } from "@cohort/proto/limits";
import { describe, expect, it } from "vitest";
import { emptyCache, findCached, remember } from "../../src/scheduler/cache.ts";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { applyEvent, emptyState } from "../../src/state/state.ts";
import { worldWith } from "./world.ts";

const flow = (sample = "run: sample", cache = '{ key: "${{ inputs.lot }}", ttl: 1h }') =>
  `kind: workflow
name: flow
inputs: { lot: { default: a } }
steps:
  - { id: sample, ${sample}, cache: ${cache} }
  - { id: judge, depends: [sample], run: judge, with: { seen: "\${{ steps.sample.output }}" } }
`;

async function twice(
  text: string,
  between: (world: Awaited<ReturnType<typeof worldWith>>) => Promise<unknown> = async () => {},
) {
  const world = await worldWith(text);
  const { run: first } = await world.start("flow");
  await world.finish(first, "sample", { outputJson: '{"rms":5}' });
  await between(world);
  const { run: second } = await world.start("flow");
  return { world, first, second };
}

describe("a step with a cache", () => {
  it("is given the output of an earlier run that had the same key, and takes no node", async () => {
    const { world, first, second } = await twice(flow());
    expect(world.stateOf(second)).toEqual({ sample: "succeeded", judge: "running" });
    const instance = world.runOf(second).steps.get("sample")?.instances[0];
    expect(instance).toMatchObject({ attempt: 0, node: "", cachedFrom: first, state: "succeeded" });
    expect(instance?.result?.outputJson).toBe('{"rms":5}');
    await world.finish(second, "judge");
    expect(world.runOf(second).state).toBe("succeeded");
  });

  it("runs with another key, after its time, and when it has changed", async () => {
    const open = ["judge[0]#1@node-a", "sample[0]#1@node-a"];
    const { world } = await twice(flow(), (it) => it.pass(60 * 60_000 + 1));
    expect(world.open()).toEqual(open);
    const other = await twice(flow());
    await other.world.start("flow", "", { lot: "b" });
    expect(other.world.open().filter((it) => it.startsWith("sample"))).toHaveLength(1);
    const changed = await twice(flow(), (it) => it.apply(flow("run: another")));
    expect(changed.world.open()).toEqual(open);
  });

  it("is found when another step of the workflow has changed", async () => {
    const { world, second } = await twice(flow(), (it) =>
      it.apply(flow().replace("run: judge", "run: judge-better")),
    );
    expect(world.stateOf(second)["sample"]).toBe("succeeded");
  });

  it("is not found in another workflow or step, nor after a failure", async () => {
    const { world } = await twice(flow(), (it) =>
      it.apply(flow().replace("name: flow", "name: twin")),
    );
    const { run } = await world.start("twin");
    expect(world.stateOf(run)["sample"]).toBe("running");
    const it = await worldWith(flow());
    const { run: failed } = await it.start("flow");
    await it.finish(failed, "sample", { outcome: "failed", code: "STEP_EXIT" });
    const { run: next } = await it.start("flow");
    expect(it.stateOf(next)["sample"]).toBe("running");
  });

  it("stays what it is in a replay of its log", async () => {
    const { world } = await twice(flow());
    const replayed = emptyState();
    for (const recorded of world.recorded) applyEvent(replayed, recorded);
    expect(replayed.runs).toEqual(world.state.runs);
  });

  it("tells its instances apart by what is their own", async () => {
    const each = flow().replace(
      "run: sample",
      "for_each: [x, y, x], max_concurrent: 1, run: sample",
    );
    const world = await worldWith(each);
    const { run } = await world.start("flow");
    await world.finish(run, "sample", { outputJson: "1" }, 0);
    await world.finish(run, "sample", { outputJson: "2" }, 1);
    // The third has the first one's item.
    const outputs = world
      .runOf(run)
      .steps.get("sample")
      ?.instances.map((it) => it.result?.outputJson);
    expect(outputs).toEqual(["1", "2", "1"]);
    const { run: second } = await world.start("flow");
    const again = world.runOf(second).steps.get("sample")?.instances;
    expect(again?.map((it) => [it.result?.outputJson, it.attempt])).toEqual([
      ["1", 0],
      ["2", 0],
      ["1", 0],
    ]);
  });

  it("tells its nodes apart where it runs on several", async () => {
    const all = flow().replace("run: sample", "nodes: { count: all }, run: sample");
    const world = await worldWith(all, { "node-a": {}, "node-bb": {} });
    const { run } = await world.start("flow");
    await world.finish(run, "sample", { outputJson: "1" }, 0);
    expect(world.stateOf(run)["sample"]).toBe("running");
    await world.finish(run, "sample", { outputJson: "2" }, 1);
    await world.addNode("node-ccc");
    const { run: second } = await world.start("flow");
    const instances = world.runOf(second).steps.get("sample")?.instances;
    expect(instances?.map((it) => [it.pinned, it.result?.outputJson])).toEqual([
      ["node-a", "1"],
      ["node-bb", "2"],
      ["node-ccc", undefined],
    ]);
  });

  it("runs when the artifacts that it would be given are gone, and has them otherwise", async () => {
    const left = flow().replace(
      "run: sample",
      "run: sample, artifacts: { upload: [{ name: trace, path: x }] }",
    );
    const world = await worldWith(left);
    const { run: first } = await world.start("flow");
    const attempt = { run: first, step: "sample", instance: 0, attempt: 1 };
    const value = { attempt, name: "trace", sha256: new Uint8Array(32), size: 9 };
    await world.record({ $case: "artifactStored", value });
    await world.finish(first, "sample");
    const { run: second } = await world.start("flow");
    expect(world.stateOf(second)["sample"]).toBe("succeeded");
    expect([...(world.state.artifacts.byRun.get(second)?.artifacts.values() ?? [])]).toMatchObject([
      { step: "sample", name: "trace", size: 9 },
    ]);
    expect([...world.state.artifacts.contents.values()]).toEqual([{ size: 9, references: 2 }]);
    world.state.artifacts.byRun.delete(first);
    const { run: third } = await world.start("flow");
    expect(world.stateOf(third)["sample"]).toBe("running");
  });
});

describe("the cache", () => {
  const place = (key: string) => ({ step: "flow/sample", definition: "{}", key });
  const from = { run: "run1", instance: 0 };

  it("is found no longer than asked for, by the time of events", () => {
    const cache = emptyCache();
    remember(cache, place("a"), from, "1", { seq: 1, nowMs: 100 });
    expect(findCached(cache, place("a"), 100)).toMatchObject({ run: "run1", outputJson: "1" });
    expect(findCached(cache, place("a"), 101)).toBeNull();
    expect(findCached(cache, { ...place("a"), definition: "{ }" }, 100)).toBeNull();
  });

  it("holds so many, the youngest, of so many bytes, and none that is too old for any", () => {
    const cache = emptyCache();
    for (let at = 0; at <= schedulerLimits.cacheEntriesMax; at++)
      remember(cache, place(`${at}`), from, "", { seq: 1, nowMs: 1 });
    expect(cache.inOrder.size).toBe(schedulerLimits.cacheEntriesMax);
    expect(findCached(cache, place("0"), 1)).toBeNull();
    expect(findCached(cache, place("1"), 1)).not.toBeNull();
    const large = "x".repeat(schedulerLimits.cacheBytesMax / 2);
    remember(cache, place("a"), from, large, { seq: 1, nowMs: 1 });
    remember(cache, place("b"), from, large, { seq: 1, nowMs: 1 });
    expect([...cache.inOrder].map((it) => it.place.key)).toEqual(["b"]);
    remember(cache, place("c"), from, "", { seq: 1, nowMs: limits.cacheTtlMsMax + 2 });
    expect([...cache.inOrder].map((it) => it.place.key)).toEqual(["c"]);
    expect(cache.bytes).toBe(1);
  });

  it("keeps the latest of one key alone", () => {
    const cache = emptyCache();
    remember(cache, place("a"), from, "1", { seq: 1, nowMs: 1 });
    remember(cache, place("a"), { run: "run2", instance: 3 }, "22", { seq: 1, nowMs: 1 });
    expect(cache.inOrder.size).toBe(1);
    expect(findCached(cache, place("a"), 0)).toMatchObject({ run: "run2", instance: 3 });
    expect(cache.bytes).toBe(3);
  });
});
