import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { worldWith } from "./world.ts";

const failed = { outcome: "failed", code: "STEP_EXIT", exit: 1, message: "no" };

const flow = (nodes: string) => `kind: workflow
name: flow
steps:
  - { id: all, nodes: ${nodes}, run: "true" }
`;

const fleet = (size: number) =>
  Object.fromEntries(
    Array.from({ length: size }, (_, at) => [`node-${at}`, { line: `l${Math.floor(at / 3)}` }]),
  );

/** Ends the instances in order, as the list says, while there are any. */
async function endAll(nodes: string, outcomes: readonly boolean[]) {
  const it = await worldWith(flow(nodes), fleet(outcomes.length));
  const { run } = await it.start("flow");
  let ended = 0;
  for (const [instance, succeeds] of outcomes.entries()) {
    if (it.runOf(run).state !== "running") break;
    await it.finish(run, "all", succeeds ? {} : failed, instance);
    ended++;
  }
  return { step: it.runOf(run).steps.get("all"), ended };
}

const outcomes = fc.array(fc.boolean(), { minLength: 1, maxLength: 8 });
const size = fc.integer({ min: 1, max: 8 });

describe("a step on many nodes", () => {
  it("succeeds when so many do as must, whatever the others do", async () => {
    await fc.assert(
      fc.asyncProperty(outcomes, fc.integer({ min: 1, max: 100 }), async (list, share) => {
        const { step, ended } = await endAll(`{ count: all, quorum: ${share}% }`, list);
        const good = list.filter((it) => it).length;
        expect(ended).toBe(list.length);
        expect(step?.state).toBe(100 * good >= share * list.length ? "succeeded" : "failed");
      }),
      { numRuns: 40 },
    );
  });

  it("waits for as many nodes as must succeed", async () => {
    const it = await worldWith(flow("{ count: all, quorum: 2 }"), fleet(1));
    const { run } = await it.start("flow");
    expect(it.open()).toEqual([]);
    await it.addNode("node-late");
    expect(it.open()).toHaveLength(2);
    await it.finish(run, "all", failed, 0);
    await it.finish(run, "all", {}, 1);
    expect(it.runOf(run).steps.get("all")).toMatchObject({
      state: "failed",
      reason: "STEP_EXIT in instance 0, 1 of 2 failed: no",
    });
  });

  it("ends the others at one failure more than it may have, and succeeds with fewer", async () => {
    await fc.assert(
      fc.asyncProperty(outcomes, fc.nat(4), async (list, most) => {
        const { step, ended } = await endAll(`{ count: all, max_failures: ${most} }`, list);
        const bad = list.flatMap((succeeds, at) => (succeeds ? [] : [at]));
        const last = bad[most];
        expect(step?.state).toBe(last === undefined ? "succeeded" : "failed");
        expect(ended).toBe(last === undefined ? list.length : last + 1);
      }),
      { numRuns: 40 },
    );
  });

  it("works on so many at once as it may", async () => {
    await fc.assert(
      fc.asyncProperty(size, size, async (count, most) => {
        const it = await worldWith(flow(`{ count: all, max_concurrent: ${most} }`), fleet(count));
        const { run } = await it.start("flow");
        for (let at = 0; at < count; at++) {
          expect(it.open()).toHaveLength(Math.min(most, count - at));
          await it.finish(run, "all", {}, at);
        }
        expect(it.runOf(run).state).toBe("succeeded");
      }),
      { numRuns: 20 },
    );
  });

  it("differs in a label as far as there are nodes that do", async () => {
    const it = await worldWith(flow("{ count: 4, spread: line }"), fleet(9));
    await it.start("flow");
    const lines = it.open().map((open) => {
      const name = open.split("@")[1] as string;
      return it.state.fleet.nodes.get(name)?.labels["line"];
    });
    expect(new Set(lines)).toEqual(new Set(["l0", "l1", "l2"]));
    expect(lines).toHaveLength(4);
  });

  it.each([
    ["{ quorum: 1 }", "the step has one node"],
    ["{ max_failures: 0 }", "the step has one node"],
    ["{ max_concurrent: 1 }", "the step has one node"],
    ["{ spread: line }", "the step has one node"],
    ["{ count: all, spread: line }", "all nodes are chosen"],
    ["{ count: 2, quorum: 3 }", "there are 2 nodes"],
    ["{ count: 2, max_failures: 2 }", "there are 2 nodes"],
    ["{ count: all, quorum: 0% }", "a share such as"],
    ["{ count: all, quorum: 101% }", "a share such as"],
  ])("is refused settings without effect: %s", async (nodes, message) => {
    await expect(worldWith(flow(nodes))).rejects.toThrow(message);
  });
});
