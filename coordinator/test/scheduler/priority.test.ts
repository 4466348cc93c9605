import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createWorld } from "./world.ts";

const workflow = (priority: number, nodes = "{ count: 1 }") => `kind: workflow
name: p${priority}
steps:
  - { id: a, run: "true", priority: ${priority}, nodes: ${nodes} }
`;

/** Runs, one after another on a node with one slot, in the order in which they got it. */
async function orderOf(starts: readonly { priority: number; afterMs: number }[], nodes?: string) {
  const all = [...new Set([0, ...starts.map((it) => it.priority)])];
  const it = createWorld(all.map((priority) => workflow(priority, nodes)).join("---\n"));
  await it.apply();
  await it.addNode("node-a", {}, 1);
  const { run: busy } = await it.start("p0");
  const runs: string[] = [];
  for (const { priority, afterMs } of starts) {
    await it.pass(afterMs);
    runs.push((await it.start(`p${priority}`)).run);
  }
  const order: number[] = [];
  for (let at = busy; order.length < runs.length; ) {
    await it.finish(at, "a");
    const [next] = it.state.runs.onNode.get("node-a") ?? [];
    at = next?.run as string;
    order.push(runs.indexOf(at));
  }
  return order;
}

describe("priority", () => {
  it("lets the higher go first, and of equals the earlier", async () => {
    const starts = [1, 5, 1, 5].map((priority) => ({ priority, afterMs: 1 }));
    expect(await orderOf(starts)).toEqual([1, 3, 0, 2]);
  });

  it("holds also among what waits for one node, on which all must run", async () => {
    const starts = [0, 2, 1].map((priority) => ({ priority, afterMs: 1 }));
    expect(await orderOf(starts, "{ count: all }")).toEqual([1, 2, 0]);
  });

  it("is caught up with by waiting, a level a minute, so that nothing starves", async () => {
    const start = fc.record({ priority: fc.nat(3), afterMs: fc.nat(100_000) });
    await fc.assert(
      fc.asyncProperty(fc.array(start, { minLength: 1, maxLength: 8 }), async (starts) => {
        let nowMs = 0;
        const ranks = starts.map(({ priority, afterMs }) => {
          nowMs += afterMs;
          return nowMs - priority * 60_000;
        });
        const order = await orderOf(starts);
        const inOrder = order.map((at) => ranks[at] as number);
        expect(inOrder).toEqual([...ranks].sort((a, b) => a - b));
      }),
      { numRuns: 40 },
    );
  });

  it("means nothing where no node is waited for", async () => {
    const text = "kind: workflow\nname: f\nsteps:\n  - { id: a, sleep: 1s, priority: 1 }\n";
    await expect(createWorld(text).apply()).rejects.toThrow("means nothing in a sleep step");
  });
});
