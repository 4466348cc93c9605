import { describe, expect, it } from "vitest";
import { decideCordon } from "../../src/fleet/decide-cordon.ts";
import { decideInvite } from "../../src/fleet/decide-invite.ts";
import { decideCancel } from "../../src/scheduler/decide-cancel.ts";
import { decidePause } from "../../src/scheduler/decide-pause.ts";
import { explainStep } from "../../src/scheduler/explain.ts";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { createWorld, worldWith } from "./world.ts";

type World = Awaited<ReturnType<typeof worldWith>>;

const mebibyte = 1024 ** 2;
const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };

const flow = (...steps: string[]) => `kind: workflow
name: flow
inputs: { press: { default: p1 } }
steps:
${steps.map((step) => `  - { run: "true", ${step} }`).join("\n")}
`;

const explain = (it: World, run: string, step: string, all = false) =>
  explainStep(it.state, { run, step, all });
const codes = (it: World, run: string, step: string) =>
  explain(it, run, step).reasons.map(({ code }) => code);
const nodesOf = (it: World, run: string, step = "a") =>
  Object.fromEntries(
    explain(it, run, step).nodes.map(({ code, wanted, nodes }) => [
      code,
      [wanted, ...nodes.map(({ node, detail }) => `${node}: ${detail}`)],
    ]),
  );

describe("why a step does not begin", () => {
  it("names the steps that it waits for and their states, and its condition", async () => {
    const it = await worldWith(
      flow("id: a", "id: b, depends: [a]", "id: c, depends: [a, b], if: 'inputs.press == \"p1\"'"),
    );
    const { run } = await it.start("flow");
    expect(explain(it, run, "c").reasons).toEqual([
      { code: "waits-for-step", text: "waits for step a, which is running" },
      { code: "waits-for-step", text: "waits for step b, which is waiting" },
      { code: "condition", text: expect.stringContaining('inputs.press == "p1"') },
    ]);
    await it.finish(run, "a");
    expect(codes(it, run, "c")).toEqual(["waits-for-step", "condition"]);
  });

  it("names the part of the run that is before it", async () => {
    const it = await worldWith(`${flow("id: a")}finally:\n  - { id: z, run: "true" }\n`);
    const { run } = await it.start("flow");
    expect(codes(it, run, "z")).toEqual(["waits-for-part"]);
  });

  it("says that its run is paused, being ended, or over", async () => {
    const it = await worldWith(
      `${flow("id: a", "id: b, depends: [a]")}finally:\n  - { id: z, run: "true" }\n`,
    );
    const { run } = await it.start("flow");
    const pause = { run, reason: "cleaning", actor: "ann" };
    await it.writer.decide(({ runs }) => decidePause(runs, pause));
    expect(explain(it, run, "b").reasons[0]).toEqual({
      code: "run-paused",
      text: "the run was paused by ann: cleaning",
    });
    await it.writer.decide(({ runs }) => decideCancel(runs, { run, hard: false, actor: "ann" }));
    expect(codes(it, run, "z")).toEqual(["run-stopping"]);
    expect(explain(it, run, "b").reasons).toEqual([
      { code: "ended", text: expect.stringContaining("the step skipped: RUN_CANCELLED") },
    ]);
  });

  it("says that its run waits for a place in its concurrency group", async () => {
    const it = await worldWith(`${flow("id: a")}concurrency: { group: line, max: 1 }\n`);
    await it.start("flow");
    const { run } = await it.start("flow");
    expect(codes(it, run, "a")).toEqual(["run-queued"]);
  });

  it("says how many nodes it needs, and how many there are", async () => {
    const it = await worldWith(flow("id: a, nodes: { count: 3 }"), { "node-a": {}, "node-b": {} });
    const { run } = await it.start("flow");
    await it.record({ $case: "nodeDisconnected", value: { node: "node-b", reason: "silent" } });
    expect(explain(it, run, "a").reasons).toEqual([
      {
        code: "too-few-nodes",
        text: "needs 3 nodes; 2 fit, and 1 of those may be given work",
      },
    ]);
    expect(nodesOf(it, run)).toMatchObject({ disconnected: ["", "node-b: it is away"] });
  });

  it("refuses a run and a step that are not there, with the nearest name", async () => {
    const it = await worldWith(flow("id: sample"));
    const { run } = await it.start("flow");
    const refused = (code: string, hint = "") =>
      expect.objectContaining({
        code,
        problems: [expect.objectContaining({ hint: expect.stringContaining(hint) })],
      });
    expect(() => explain(it, "run9", "sample")).toThrowError(refused("RUN_UNKNOWN"));
    expect(() => explain(it, run, "simple")).toThrowError(refused("STEP_UNKNOWN", "sample"));
  });
});

describe("why an instance does not run", () => {
  it("says that it runs, and where; or was sent and not accepted", async () => {
    const it = await worldWith(flow("id: a"));
    const { run } = await it.start("flow");
    const reason = () => explain(it, run, "a").instances[0]?.reason;
    expect(reason()).toMatchObject({ code: "sent" });
    await it.record({ $case: "nodeDisconnected", value: { node: "node-a", reason: "silent" } });
    expect(reason()?.text).toContain("disconnected");
    const attempt = { run, step: "a", instance: 0, attempt: 1 };
    await it.record({ $case: "attemptStarted", value: { attempt, nodeAtMs: 1 } });
    expect(reason()).toMatchObject({ code: "runs" });
    expect(explain(it, run, "a").nodes).toEqual([]);
  });

  it("says until when a retry is put off, and that others of the step go first", async () => {
    const it = await worldWith(
      flow(
        "id: a, for_each: [1, 2, 3], max_concurrent: 1, fail_fast: false, retry: { limit: 1, delay: 1m }",
      ),
    );
    const { run } = await it.start("flow");
    await it.finish(run, "a", failed);
    const { reasons, instances } = explain(it, run, "a");
    expect(reasons).toEqual([
      {
        code: "max-concurrent",
        text: "2 of 3 instances wait for their turn: max_concurrent is 1",
      },
    ]);
    expect(instances.map(({ reason }) => reason.code)).toEqual([
      "retry-delay",
      "max-concurrent",
      "max-concurrent",
    ]);
    expect(instances[0]?.reason.text).toContain(new Date(1_060_000).toISOString());
  });

  it("tells its place in the queue, and how many wait beside it", async () => {
    const it = createWorld(flow("id: a, priority: 2"));
    await it.apply();
    await it.addNode("node-a", {}, 1);
    const runs = [await it.start("flow"), await it.start("flow"), await it.start("flow")];
    const [shown] = explain(it, runs[2]?.run as string, "a").instances;
    expect(shown).toMatchObject({
      reason: { code: "waits-for-node" },
      queue: { priority: 2, position: 2, waiting: 2, sinceMs: 1_000_000 },
    });
  });

  it("is told of some instances and nodes, and of all when asked", async () => {
    const it = createWorld(flow("id: a, for_each: [1,2,3,4,5,6,7,8,9,10,11,12]"));
    await it.apply();
    for (let at = 0; at < 1000; at++) await it.addNode(`node-${at}`, {}, 0);
    const { run } = await it.start("flow");
    const some = explain(it, run, "a");
    expect([some.instances.length, some.instancesLeftOut]).toEqual([10, 2]);
    expect(some.nodes).toMatchObject([{ code: "slots-full", count: 1000 }]);
    expect(some.nodes[0]?.nodes).toHaveLength(3);
    expect(JSON.stringify(some).length).toBeLessThan(5_000);
    const all = explain(it, run, "a", true);
    expect([all.instances.length, all.nodes[0]?.nodes.length]).toEqual([12, 1000]);
  });
});

describe("what rules out a node", () => {
  it("is what the step selects, with what the node has", async () => {
    const step = "id: a, nodes: { select: 'node.labels.press == inputs.press' }";
    const it = await worldWith(flow(step), { "node-a": { press: "p2" }, "node-b": {} });
    const { run } = await it.start("flow");
    expect(nodesOf(it, run)).toEqual({
      select: [
        "node.labels.press == inputs.press",
        'node-a: node.labels.press is "p2"',
        "node-b: node.labels.press is not set",
      ],
    });
  });

  it.each([
    ["arch", "arch: arm64", ["arm64", "node-a: x86_64"]],
    ["isolation", "isolation: strict", ["strict", "node-a: standard"]],
    ["memory", "memory: 1GiB", ["1024 MiB", "node-a: 256 MiB"]],
    ["cpu", "cpu: 4", ["4 cores", "node-a: 2 cores"]],
    ["devices", "devices: [iio:accel0]", ["iio:accel0", "node-a: gpio:gpiochip0"]],
  ])("is %s that it requires", async (code, requires, shown) => {
    const it = createWorld(flow(`id: a, requires: { ${requires} }`));
    await it.apply();
    const has = { memoryBytes: 256 * mebibyte, cores: 2, devices: ["gpio:gpiochip0"] };
    await it.addNode("node-a", {}, 1, has);
    const { run } = await it.start("flow");
    expect(nodesOf(it, run)).toEqual({ [code]: shown });
  });

  it("is its limit of memory where the node could never give that", async () => {
    const it = createWorld(flow("id: a, limits: { memory: 300MiB }"));
    await it.apply();
    await it.addNode("node-a", {}, 1, { memoryBytes: 256 * mebibyte });
    const { run } = await it.start("flow");
    expect(nodesOf(it, run)).toEqual({ "limits.memory": ["300 MiB", "node-a: 224 MiB"] });
  });

  it("is that it is not enrolled, away, or cordoned, by whom and why", async () => {
    const it = await worldWith(flow("id: a"), { "node-a": {}, "node-b": {} });
    await it.writer.decide(({ fleet }, nowMs) =>
      decideInvite(
        fleet,
        { name: "node-c", labels: {}, actor: "ann", invite: "I", secretHash: new Uint8Array(32) },
        nowMs,
      ),
    );
    await it.record({ $case: "nodeDisconnected", value: { node: "node-a", reason: "silent" } });
    const cordon = { node: "node-b", reason: "fan", actor: "ann" };
    await it.writer.decide(({ fleet }) => decideCordon(fleet, cordon));
    const { run } = await it.start("flow");
    expect(nodesOf(it, run)).toEqual({
      disconnected: ["", "node-a: it is away"],
      cordoned: ["", "node-b: by ann: fan"],
      "not-enrolled": ["", "node-c: invited, and never seen"],
    });
  });

  it("is that it is full: of slots, of memory, or of cores", async () => {
    const it = createWorld(
      flow("id: a, limits: { memory: 150MiB }, requires: { cpu: 1.5 }").concat(
        `---\n${flow("id: b, limits: { memory: 150MiB }").replace("name: flow", "name: other")}`,
      ),
    );
    await it.apply();
    const memoryBytes = 200 * mebibyte + schedulerLimits.nodeReserveBytes;
    await it.addNode("node-a", {}, 1, { memoryBytes, cores: 2 });
    await it.addNode("node-b", {}, 2, { memoryBytes, cores: 2 });
    await it.addNode("node-c", {}, 2, { memoryBytes: 2 * memoryBytes, cores: 2 });
    for (let at = 0; at < 3; at++) await it.start("flow");
    const { run } = await it.start("flow");
    expect(nodesOf(it, run)).toEqual({
      "slots-full": ["", "node-a: 1 of 1 slots are taken"],
      "memory-full": ["150 MiB", "node-b: 150 MiB of 200 MiB are taken"],
      "cpu-full": ["1.5 cores", "node-c: 1.5 cores of 2 cores are taken"],
    });
  });

  it("is that it is kept free for another, or that retry.move avoids it", async () => {
    const it = createWorld(
      [
        flow("id: a, limits: { memory: 100MiB }, retry: { limit: 1, move: true }"),
        flow("id: b, limits: { memory: 200MiB }").replace("name: flow", "name: big"),
      ].join("---\n"),
    );
    await it.apply();
    const memoryBytes = 200 * mebibyte + schedulerLimits.nodeReserveBytes;
    await it.addNode("node-a", {}, 4, { memoryBytes });
    await it.start("flow");
    const { run: first } = await it.start("flow");
    const { run: big } = await it.start("big");
    const { run: last } = await it.start("flow");
    await it.pass(schedulerLimits.overtakenMsMax);
    expect(nodesOf(it, last)).toEqual({
      "kept-free": ["", `node-a: kept free for step b of run ${big}`],
    });
    expect(explain(it, big, "b").instances[0]?.reason.text).toContain("node-a is kept free");
    await it.addNode("node-b", {}, 0, { memoryBytes });
    await it.finish(first, "a", failed);
    expect(nodesOf(it, first)).toEqual({
      avoided: ["", "node-a: retry.move: the attempt before ran there"],
      "slots-full": ["", "node-b: 0 of 0 slots are taken"],
    });
  });

  it("is that the instance belongs to another node", async () => {
    const it = await worldWith(flow("id: a, nodes: { count: 2, max_concurrent: 1 }"), {
      "node-a": {},
      "node-b": {},
    });
    const { run } = await it.start("flow");
    expect(nodesOf(it, run)).toMatchObject({
      "pinned-elsewhere": ["node-b", "node-a: the instance belongs to another"],
      fits: ["", "node-b: would be chosen if nothing else held the instance"],
    });
  });

  it("is nothing where the step only waits for others", async () => {
    const it = await worldWith(flow("id: a", "id: b, depends: [a]"));
    const { run } = await it.start("flow");
    expect(nodesOf(it, run, "b")).toEqual({
      fits: ["", "node-a: would be chosen if the step began now"],
    });
  });
});
