import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { workflowAt } from "../../src/catalogue/catalogue.ts";
import { workFor } from "../../src/scheduler/work.ts";
import type { CompiledStep } from "../../src/workflow/compile.ts";
import { createWorld, type worldWith } from "./world.ts";

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };

const flow = (keys: string) => `kind: workflow
name: flow
inputs:
  presses: { type: json, default: [] }
steps:
  - { id: first, run: "true" }
  - id: each
    depends: [first]
    run: "true"
    ${keys}
  - { id: last, depends: [each], run: "true" }
`;
const eachOfTwo = `for_each: [{ name: p1 }, "\${{ inputs.presses[0] }}"]
    env: { ITEM: "\${{ item }}" }`;

type World = Awaited<ReturnType<typeof worldWith>>;

async function begin(keys: string, inputs: Record<string, unknown> = {}, output = "null") {
  const it = createWorld(flow(keys));
  await it.apply();
  await it.addNode("node-a", {}, 100);
  const { run } = await it.start("flow", "", inputs);
  await it.finish(run, "first", { outputJson: output });
  return { it, run };
}

/** The environment that each instance of `each` is given. */
function environments(it: World, id: string) {
  const run = it.runOf(id);
  const step = workflowAt(it.state.catalogue, run.version).steps.get("each") as CompiledStep;
  const node = it.state.fleet.nodes.get("node-a");
  if (node === undefined) throw new Error("no node");
  const instances = run.steps.get("each")?.instances ?? [];
  return instances.map(
    (instance) => workFor(run, step, instance, node, it.state.artifacts).environment,
  );
}

describe("for_each and matrix", () => {
  it("give each item of a list its own instance, which reads it", async () => {
    const { it, run } = await begin(eachOfTwo, { presses: ["p2"] });
    expect(environments(it, run)).toEqual([{ ITEM: '{"name":"p1"}' }, { ITEM: "p2" }]);
    expect(it.open()).toEqual(["each[0]#1@node-a", "each[1]#1@node-a"]);
  });

  it("take the list from what an earlier step left", async () => {
    const { it, run } = await begin(
      `for_each: \${{ steps.first.output.parts }}\n    env: { NR: "\${{ instance }}", ITEM: "\${{ item }}" }`,
      {},
      '{"parts":[7,8]}',
    );
    expect(environments(it, run)).toEqual([
      { NR: "0", ITEM: "7" },
      { NR: "1", ITEM: "8" },
    ]);
    for (const at of [0, 1]) await it.finish(run, "each", { outputJson: `${at}` }, at);
    expect(it.stateOf(run)).toMatchObject({ each: "succeeded", last: "running" });
  });

  it("combine: the last list changes fastest", async () => {
    const { it, run } = await begin(
      `for_each: [x, y]\n    matrix: { a: [1, 2], b: "\${{ inputs.presses }}" }\n    env: { ALL: "\${{ item }}\${{ matrix.a }}\${{ matrix.b }}" }`,
      { presses: ["p", "q"] },
    );
    const all = environments(it, run).map((environment) => environment["ALL"]);
    expect(all).toEqual(["x1p", "x1q", "x2p", "x2q", "y1p", "y1q", "y2p", "y2q"]);
  });

  it("succeed at once when there are no items", async () => {
    const { it, run } = await begin(`for_each: \${{ inputs.presses }}`);
    expect(it.stateOf(run)).toMatchObject({ each: "succeeded", last: "running" });
  });

  it("go on so many at once as they may, never more, until all have ended", async () => {
    const size = fc.integer({ min: 1, max: 12 });
    const picks = fc.array(fc.nat(), { minLength: 12, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(size, size, picks, async (count, max, order) => {
        const { it, run } = await begin(
          `for_each: ${JSON.stringify(order.slice(0, count))}\n    max_concurrent: ${max}`,
        );
        for (let left = count; left > 0; left--) {
          const open = it.open();
          expect(open).toHaveLength(Math.min(max, left));
          const chosen = open[(order[left - 1] as number) % open.length] as string;
          await it.finish(run, "each", {}, Number(/\d+/.exec(chosen)?.[0]));
        }
        expect(it.stateOf(run)["each"]).toBe("succeeded");
      }),
      { numRuns: 30 },
    );
  });

  it("end all when one fails for good, and free their places", async () => {
    const { it, run } = await begin("for_each: [1, 2, 3]\n    max_concurrent: 2");
    await it.finish(run, "each", failed, 1);
    expect(it.open()).toEqual([]);
    const { instances, reason } = it.runOf(run).steps.get("each") ?? {};
    expect(instances?.map(({ state }) => state)).toEqual(["cancelled", "failed", "cancelled"]);
    expect(reason).toBe("STEP_EXIT in instance 1, 1 of 3 failed: no");
    expect(it.runOf(run).state).toBe("failed");
  });

  it("let the others go on when they are told to", async () => {
    const { it, run } = await begin("for_each: [1, 2, 3]\n    fail_fast: false");
    await it.finish(run, "each", failed, 1);
    expect(it.open()).toHaveLength(2);
    await it.finish(run, "each", {}, 0);
    await it.finish(run, "each", {}, 2);
    expect(it.stateOf(run)).toMatchObject({ each: "failed", last: "skipped" });
  });

  it.each([
    [
      "what is no list",
      `for_each: \${{ inputs.presses }}`,
      { presses: { a: 1 } },
      "EXPRESSION_INVALID",
    ],
    ["what is not there", `for_each: \${{ steps.first.output.parts }}`, {}, "EXPRESSION_INVALID"],
    [
      "too many items",
      `for_each: \${{ inputs.presses }}`,
      { presses: Array(10_001).fill(1) },
      "LIMIT_EXCEEDED",
    ],
    [
      "too many combinations",
      `matrix: { a: "\${{ inputs.presses }}", b: "\${{ inputs.presses }}" }`,
      { presses: Array(101).fill(1) },
      "LIMIT_EXCEEDED",
    ],
    [
      "items that are too long together",
      `for_each: \${{ inputs.presses }}\n    matrix: { a: [1, 2] }`,
      { presses: ["x".repeat(200_000)] },
      "LIMIT_EXCEEDED",
    ],
  ])("fail the step over %s", async (_, keys, inputs, code) => {
    const { it, run } = await begin(keys, inputs);
    expect(it.stateOf(run)["each"]).toBe("failed");
    expect(it.runOf(run).steps.get("each")?.reason).toMatch(new RegExp(`^${code} `));
  });

  it.each([
    ["max_concurrent: 2", "neither `for_each` nor `matrix`"],
    ["fail_fast: true", "neither `for_each` nor `matrix`"],
    ["for_each: [1]\n    nodes: { count: all }", "runs on one node"],
    ["for_each: 3", "Invalid input"],
    ['for_each: "a"', "of type string"],
    ["matrix: {}", "must name a list"],
    [`matrix: { a: [1] }\n    env: { X: "\${{ matrix.b }}" }`, 'no list \\"b\\"'],
    [`env: { X: "\${{ item }}" }`, 'unknown name \\"item\\"'],
    [`for_each: [1]\n    if: \${{ item == 1 }}`, 'unknown name \\"item\\"'],
  ])("are refused where they mean nothing: %s", async (keys, message) => {
    await expect(begin(keys)).rejects.toThrow(message);
  });
});
