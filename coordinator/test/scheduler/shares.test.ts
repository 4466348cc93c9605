import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { schedulerLimits } from "../../src/scheduler/limits.ts";
import { createWorld } from "./world.ts";

const flow = (name: string, share: number, priority = 0) => `kind: workflow
name: ${name}
share: ${share}
steps:
  - { id: a, run: "true", priority: ${priority} }
`;

type World = ReturnType<typeof createWorld>;

async function worldOf(slots: number, ...workflows: string[]): Promise<World> {
  const it = createWorld(workflows.join("---\n"));
  await it.apply();
  await it.addNode("node-a", {}, slots);
  return it;
}

async function flood(it: World, name: string, count: number): Promise<void> {
  for (let at = 0; at < count; at++) await it.start(name);
}

/** Attempts each last as long as `lastsMs` says; what each workflow had of the slots, in ms. */
async function work(it: World, lastsMs: Readonly<Record<string, number>>, ticks: number) {
  const had: Record<string, number> = {};
  const tickMs = 500;
  const leftMs = new Map<string, number>();
  for (let tick = 0; tick < ticks; tick++) {
    await it.pass(tickMs);
    const here = [...(it.state.runs.onNode.get("node-a") ?? [])];
    for (const { run, step } of here) {
      const { workflow } = it.runOf(run);
      had[workflow] = (had[workflow] ?? 0) + tickMs;
      const left = (leftMs.get(run) ?? lastsMs[workflow] ?? 0) - tickMs;
      leftMs.set(run, left);
      if (left <= 0) await it.finish(run, step);
    }
  }
  return had;
}

describe("workflows that wait for the same nodes", () => {
  it("take turns, however much one of them has waiting", async () => {
    const it = await worldOf(1, flow("many", 1), flow("few", 1));
    await flood(it, "many", 50);
    await flood(it, "few", 5);
    const order: string[] = [];
    for (let at = 0; at < 10; at++) {
      const [now] = it.state.runs.onNode.get("node-a") ?? [];
      order.push(it.runOf(now?.run as string).workflow);
      await it.finish(now?.run as string, "a");
    }
    expect(order.filter((name) => name === "few")).toHaveLength(5);
    expect(order.slice(0, 4).filter((name) => name === "few").length).toBeGreaterThan(0);
  });

  it("have the nodes for times in the ratio of their shares, however long their steps last", async () => {
    const lasts = fc.integer({ min: 500, max: 8_000 });
    const share = fc.integer({ min: 1, max: 4 });
    await fc.assert(
      fc.asyncProperty(
        share,
        share,
        lasts,
        lasts,
        fc.integer({ min: 1, max: 4 }),
        async (...all) => {
          const [shareA, shareB, lastsA, lastsB, slots] = all;
          const it = await worldOf(slots, flow("a", shareA), flow("b", shareB));
          await flood(it, "a", 160);
          await flood(it, "b", 160);
          const { a = 0, b = 0 } = await work(it, { a: lastsA, b: lastsB }, 70);
          const total = a + b;
          const fair = (total * shareA) / (shareA + shareB);
          // An attempt is not divided: each slot may be one attempt off, and each counts for a second.
          const slack =
            slots * (lastsA + lastsB + 2 * schedulerLimits.attemptCostMs) + 0.15 * total;
          expect(Math.abs(a - fair)).toBeLessThanOrEqual(slack);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("save up nothing while they have nothing waiting", async () => {
    const it = await worldOf(1, flow("busy", 1), flow("late", 1));
    await flood(it, "busy", 30);
    await work(it, { busy: 1_000 }, 20);
    await flood(it, "late", 30);
    const { busy = 0, late = 0 } = await work(it, { busy: 1_000, late: 1_000 }, 24);
    expect(Math.abs(busy - late)).toBeLessThanOrEqual(3_000);
  });

  it("have a turn within a minute, whatever one of them has had elsewhere", async () => {
    const text = `kind: workflow
name: both
steps:
  - { id: wide, run: "true", nodes: { select: 'node.labels.kind == "wide"' }, for_each: [${"1,".repeat(20)}1] }
  - { id: a, run: "true", nodes: { select: 'node.labels.kind == "narrow"' } }
`;
    const narrow = flow("narrow", 1).replace(
      'run: "true"',
      `run: "true", nodes: { select: 'node.labels.kind == "narrow"' }`,
    );
    const it = createWorld(`${text}---\n${narrow}`);
    await it.apply();
    await it.addNode("node-a", { kind: "narrow" }, 1);
    await it.addNode("node-w", { kind: "wide" }, 30);
    await flood(it, "narrow", 100);
    const { run } = await it.start("both");
    let waited = 0;
    while (it.runOf(run).steps.get("a")?.instances[0]?.state === "queued") {
      await it.pass(1_000);
      waited += 1_000;
      const [now] = it.state.runs.onNode.get("node-a") ?? [];
      if (now !== undefined) await it.finish(now.run, "a");
    }
    expect(waited).toBeLessThanOrEqual(schedulerLimits.turnMsMax + 2_000);
  });

  it("do not hold back a higher priority, and are not starved by it", async () => {
    const it = await worldOf(1, flow("low", 100), flow("high", 1, 2));
    await flood(it, "low", 5);
    await flood(it, "high", 3);
    await it.finish("run1", "a");
    const [next] = it.state.runs.onNode.get("node-a") ?? [];
    expect(it.runOf(next?.run as string).workflow).toBe("high");
    await it.pass(2 * schedulerLimits.priorityStepMs + 1);
    await flood(it, "high", 10);
    for (let at = 0; at < 3; at++) {
      const [now] = it.state.runs.onNode.get("node-a") ?? [];
      await it.finish(now?.run as string, "a");
    }
    const [then] = it.state.runs.onNode.get("node-a") ?? [];
    expect(it.runOf(then?.run as string).workflow).toBe("low");
  });

  it.each([0, 101, 1.5])("are refused a share of %s", async (share) => {
    await expect(createWorld(flow("a", share)).apply()).rejects.toThrow("share");
  });
});
